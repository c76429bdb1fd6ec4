//! Waiting for the orders of checkouts.

use crate::PATIENCE;
use serde_json::Value;
use std::time::Instant;

/// Waits until each checkout of the service at `url` has led to a confirmed order.
pub async fn until_orders_are_placed(url: &str) {
    let started = Instant::now();
    loop {
        let response = reqwest::get(format!("{url}/api/insights/activity?step=day")).await;
        let activity: Value = response.unwrap().json().await.unwrap();
        let days = activity["items"].as_array().unwrap();
        let sum = |kind: &str| -> u64 {
            let events = days.iter().filter_map(|day| day["events"][kind].as_u64());
            events.sum()
        };
        if sum("OrderConfirmed") == sum("CartCheckedOut") {
            return;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "orders are missing: {activity}"
        );
    }
}
