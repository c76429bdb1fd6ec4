//! The insights over HTTP against an independent count over the lines of an export: plain JSON and
//! plain maps.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "counts and shares of a few hundred carts"
)]

mod tally;

use crate::definitions::fill;
use cartlog::timestamp::Timestamp;
use cartlog_testkit::PATIENCE;
use cartlog_testkit::orders::until_orders_are_placed;
use cartlog_testkit::process::{ServiceProcess, command, isolate, run_to_exit};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use tally::{Counts, Tally, count, millis};

/// The service's insights, polled until its views have reached `end`.
pub struct Insights {
    pub client: reqwest::Client,
    pub url: String,
    pub end: String,
}

impl Insights {
    pub async fn get(&self, path: &str) -> Value {
        let started = Instant::now();
        loop {
            let url = format!("{}/api/insights/{path}", self.url);
            let answer = self.client.get(url).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            let seen = answer.headers()["log-position"]
                .to_str()
                .unwrap()
                .to_owned();
            let document = answer.json().await.unwrap();
            if seen == self.end {
                return document;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "the views do not catch up in time"
            );
        }
    }

    /// The items of all pages.
    pub async fn pages(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}?limit=7{cursor}")).await;
            items.extend(page["items"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap()
}

fn near(reported: &Value, counted: f64) {
    assert!(
        (reported.as_f64().unwrap() - counted).abs() < 1e-9,
        "{reported} is not {counted}"
    );
}

fn counts(product: &Value) -> Counts {
    [
        "carts",
        "units_added",
        "units_removed",
        "units_bought",
        "carts_bought",
        "revenue",
        "given_up",
        "came_back",
    ]
    .map(|field| number(&product[field]))
}

/// A service in `folder` with `shoppers` simulated carts, and `forgotten` carts that it has
/// expired. Every cart that is not checked out counts as abandoned at once.
pub async fn shop_with_carts(folder: &Path, shoppers: i64, forgotten: usize) -> ServiceProcess {
    // Carts that have been idle for longer than the expiry time.
    let long_ago = Timestamp::from_millis(Timestamp::now().millis() - 40 * 24 * 3_600_000);
    fill(folder, forgotten, long_ago).await;
    let mut serving = Command::new(env!("CARGO_BIN_EXE_cartlog"));
    serving.arg("serve");
    isolate(&mut serving, folder);
    serving.env("CARTLOG_INSIGHTS__ABANDONED_AFTER_MINUTES", "0");
    let program = ServiceProcess::run(serving);
    let url = format!("http://{}", program.address);
    let carts = shoppers.to_string();
    let simulate = ["simulate", "--url", &url, "--carts", &carts, "--seed", "11"];
    assert!(run_to_exit(command(folder, &simulate)).status.success());
    let started = Instant::now();
    loop {
        let response = reqwest::get(format!("{url}/api/insights/funnel")).await;
        let funnel: Value = response.unwrap().json().await.unwrap();
        if funnel["expired"] == forgotten {
            break;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "the carts do not expire in time: {funnel}"
        );
    }
    until_orders_are_placed(&url).await;
    program
}

/// Contract (views): Every insight equals a count over the exported events.
#[tokio::test]
async fn insights_equal_a_count_over_the_export() {
    const SHOPPERS: i64 = 300;
    const FORGOTTEN: usize = 20;
    let folder = tempfile::tempdir().unwrap();
    let program = shop_with_carts(folder.path(), SHOPPERS, FORGOTTEN).await;
    let url = format!("http://{}", program.address);
    let lines = String::from_utf8(run_to_exit(command(folder.path(), &["export"])).stdout).unwrap();
    let (lines, _closing_line) = lines.trim_end().rsplit_once('\n').unwrap();
    let tally = count(lines);
    let insights = Insights {
        client: reqwest::Client::new(),
        url,
        end: lines.lines().count().to_string(),
    };

    let funnel = insights.get("funnel").await;
    let mut times: Vec<i64> = tally
        .carts
        .values()
        .filter_map(|story| Some(story.bought? - story.opened))
        .collect();
    times.sort_unstable();
    let filled = tally.carts.values().filter(|story| !story.ever.is_empty());
    let opened = SHOPPERS + FORGOTTEN as i64;
    let expired = tally.carts.values().filter(|story| story.expired);
    assert_eq!(number(&funnel["opened"]), opened);
    assert_eq!(number(&funnel["expired"]), expired.count() as i64);
    assert_eq!(number(&funnel["filled"]), filled.count() as i64);
    assert_eq!(number(&funnel["checked_out"]), times.len() as i64);
    assert_eq!(number(&funnel["idle"]), SHOPPERS - times.len() as i64);
    near(&funnel["conversion"], times.len() as f64 / opened as f64);
    let rank = |share: usize| times[(times.len() * share).div_ceil(100) - 1];
    assert_eq!(number(&funnel["time_to_checkout"]["median_ms"]), rank(50));
    assert_eq!(number(&funnel["time_to_checkout"]["p90_ms"]), rank(90));

    let paid: i64 = tally.carts.values().map(|story| story.paid).sum();
    let orders = times.len() as i64;
    let revenue = json!([{
        "currency": "EUR",
        "orders": orders,
        "total": paid,
        "average": (paid + orders / 2) / orders,
    }]);
    assert_eq!(funnel["revenue"], revenue);

    let reported: BTreeMap<String, Counts> = insights
        .pages("products")
        .await
        .iter()
        .map(|product| (product["sku"].as_str().unwrap().to_owned(), counts(product)))
        .collect();
    assert_eq!(reported, tally.products);
    let hesitated = insights.pages("hesitated").await;
    let reported: BTreeMap<String, Counts> = hesitated
        .iter()
        .map(|product| (product["sku"].as_str().unwrap().to_owned(), counts(product)))
        .collect();
    let mut taken_out = tally.products.clone();
    taken_out.retain(|_, product| product[2] > 0);
    assert_eq!(reported, taken_out);
    let lost: Vec<i64> = hesitated
        .iter()
        .map(|product| number(&product["given_up"]) - number(&product["came_back"]))
        .collect();
    assert!(
        lost.is_sorted_by(|one, next| one >= next) && lost[0] > 2,
        "{lost:?}"
    );

    pairs(&insights, &tally).await;
    activity(&insights, &tally).await;
    abandoned(&insights, &tally).await;
}

async fn pairs(insights: &Insights, tally: &Tally) {
    let baskets: Vec<BTreeSet<&String>> = tally
        .carts
        .values()
        .filter(|story| story.bought.is_some())
        .map(|story| {
            story
                .held
                .iter()
                .filter(|(_, held)| held.0 > 0)
                .map(|(sku, _)| sku)
                .collect()
        })
        .collect();
    let all = baskets.len() as f64;
    let with = |skus: &[&String]| {
        let with = baskets
            .iter()
            .filter(|basket| skus.iter().all(|sku| basket.contains(sku)));
        with.count() as f64
    };
    for one in tally.products.keys() {
        let document = insights.get(&format!("pairs?sku={one}&limit=200")).await;
        assert_eq!(number(&document["checked_out"]), baskets.len() as i64);
        let items = document["items"].as_array().unwrap();
        let others = tally
            .products
            .keys()
            .filter(|other| *other != one && with(&[one, other]) > 0.0);
        assert_eq!(items.len(), others.count(), "{one}");
        for pair in items {
            let other = pair["with"].as_str().unwrap().to_owned();
            let both = with(&[one, &other]);
            near(&pair["carts"], both);
            near(&pair["support"], both / all);
            near(&pair["confidence"], both / with(&[one]));
            near(&pair["lift"], both * all / (with(&[one]) * with(&[&other])));
        }
    }
    let best = insights.get("pairs?limit=1").await;
    assert!(
        best["items"][0]["lift"].as_f64().unwrap() > 1.5,
        "shoppers have affinities"
    );
}

async fn activity(insights: &Insights, tally: &Tally) {
    let document = insights.get("activity?step=minute").await;
    let mut reported = BTreeMap::new();
    for step in document["items"].as_array().unwrap() {
        let at = step["at"].as_str().unwrap()[..16].to_owned();
        for (kind, events) in step["events"].as_object().unwrap() {
            reported.insert((at.clone(), kind.clone()), events.as_u64().unwrap());
        }
    }
    assert_eq!(reported, tally.minutes);
}

async fn abandoned(insights: &Insights, tally: &Tally) {
    let mut reported = BTreeMap::new();
    let mut since = Vec::new();
    let mut promoted = 0;
    for cart in insights.pages("abandoned").await {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (id, last) = (text(&cart["cart_id"]), &cart["last_event"]);
        let story = &tally.carts[&id];
        let value: i64 = story.held.values().map(|(_, value)| value).sum();
        let discount = match &story.promotion {
            None => 0,
            // Half a cent rounds up.
            Some(promotion) => match promotion["percent"].as_i64() {
                Some(percent) => (value * percent + 50) / 100,
                None => number(&promotion["amount"]).min(value),
            },
        };
        promoted += u32::from(discount > 0);
        assert_eq!(number(&cart["total"]), value - discount, "{cart}");
        assert_eq!(last["version"], cart["version"], "{cart}");
        assert_eq!(last["type"], story.last_type.as_str(), "{cart}");
        assert_eq!(cart["idle_since"], story.last_time.as_str(), "{cart}");
        assert_eq!(millis(&text(&cart["opened_at"])), story.opened, "{cart}");
        since.push(text(&cart["idle_since"]));
        let taken_out = cart["taken_out_last"]["sku"].as_str().map(str::to_owned);
        reported.insert(id, (cart["version"].as_u64().unwrap(), taken_out));
    }
    assert!(promoted > 0, "shoppers leave carts with promotions behind");
    let hours = since.iter().map(|time| &time[..13]);
    assert!(
        hours.is_sorted(),
        "the longest idle first, to the hour: {since:?}"
    );
    let counted: BTreeMap<String, (u64, Option<String>)> = tally
        .carts
        .iter()
        .filter(|(_, story)| story.bought.is_none() && !story.expired)
        .map(|(id, story)| (id.clone(), (story.last_version, story.taken_out.clone())))
        .collect();
    assert_eq!(reported, counted);
}
