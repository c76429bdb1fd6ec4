//! The count over an export's lines.

use super::number;
use cartlog::timestamp::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A cart, counted from its lines.
#[derive(Default)]
pub struct Story {
    pub opened: i64,
    pub bought: Option<i64>,
    /// Units and their value, by product.
    pub held: BTreeMap<String, (i64, i64)>,
    pub ever: BTreeSet<String>,
    pub taken_out: Option<String>,
    pub last_version: u64,
    pub last_type: String,
    pub last_time: String,
    pub promotion: Option<Value>,
    /// The total of its checkout.
    pub paid: i64,
    pub expired: bool,
}

/// Counts of a product: carts, added, removed, bought, carts that bought, revenue, given up, came
/// back.
pub type Counts = [i64; 8];

#[derive(Default)]
pub struct Tally {
    pub carts: BTreeMap<String, Story>,
    pub products: BTreeMap<String, Counts>,
    /// Events by minute and type.
    pub minutes: BTreeMap<(String, String), u64>,
}

pub fn millis(time: &str) -> i64 {
    Timestamp::parse(time).unwrap().millis()
}

/// Counts the lines of an export.
pub fn count(lines: &str) -> Tally {
    let mut tally = Tally::default();
    for line in lines.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let text = |field: &str| event[field].as_str().unwrap().to_owned();
        let kind = text("type").split('.').nth(1).unwrap().to_owned();
        let minute = (text("time")[..16].to_owned(), kind.clone());
        *tally.minutes.entry(minute).or_default() += 1;
        if kind.starts_with("Order") {
            continue;
        }
        let story = tally.carts.entry(text("subject")).or_default();
        story.last_version = text("streamversion").parse().unwrap();
        story.last_type.clone_from(&kind);
        story.last_time = text("time");
        let data = &event["data"];
        let sku = data["sku"].as_str().unwrap_or_default().to_owned();
        let quantity = data["quantity"].as_i64().unwrap_or(0);
        let value = quantity * data["unit_price"].as_i64().unwrap_or(0);
        match kind.as_str() {
            "CartOpened" => story.opened = millis(&text("time")),
            "ItemAdded" => {
                let first = story.ever.insert(sku.clone());
                let held = story.held.entry(sku.clone()).or_default();
                let product = tally.products.entry(sku).or_default();
                product[0] += i64::from(first);
                product[1] += quantity;
                product[7] += i64::from(!first && held.0 == 0);
                *held = (held.0 + quantity, held.1 + value);
            }
            "ItemRemoved" => {
                let held = story.held.entry(sku.clone()).or_default();
                *held = (held.0 - quantity, held.1 - value);
                let product = tally.products.entry(sku.clone()).or_default();
                product[2] += quantity;
                product[6] += i64::from(held.0 == 0);
                story.taken_out = Some(sku);
            }
            "CartCheckedOut" => {
                story.bought = Some(millis(&text("time")));
                story.paid = number(&data["total"]);
                for (sku, (units, value)) in story.held.iter().filter(|(_, held)| held.0 > 0) {
                    let product = tally.products.entry(sku.clone()).or_default();
                    product[3] += units;
                    product[4] += 1;
                    product[5] += value;
                }
            }
            "PromotionApplied" => story.promotion = Some(data.clone()),
            "PromotionRemoved" => story.promotion = None,
            "CartExpired" => story.expired = true,
            other => panic!("unknown event type {other}"),
        }
    }
    tally
}
