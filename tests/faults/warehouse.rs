//! Orders between cartlog and `examples/warehouse`, two programs that are killed.

use crate::plan::Plan;
use crate::site::{Site, TOKEN, check_out, one_order, start_shoppers};
use cartlog_testkit::log_file::read_intact_log;
use cartlog_testkit::receiver::{Received, Reply, WebhookReceiver};
use rusqlite::Connection;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Promise (crash): Every acknowledged checkout leads to exactly one order in a final state, and
/// the units reserved in the warehouse are those of confirmed orders.
/// Fault: `kill -9` of cartlog and of the warehouse at random moments under load, also with views
/// deleted, and a stock that runs out
/// Control: A warehouse that acknowledges before its commit loses orders:
/// [control_acknowledging_before_the_commit_loses].
/// Control: A warehouse without an inbox reserves twice:
/// [control_warehouse_without_inbox_doubles].
#[tokio::test]
async fn orders_and_stock_agree_after_kills_of_both_programs() {
    let plan = Plan::new();
    let site = Site::new(900);
    let mut dice = plan.dice();
    let stop = Arc::new(AtomicBool::new(false));
    let mut cartlog = Some(site.serve());
    let mut warehouse = Some(site.open_warehouse());
    let shoppers = start_shoppers(site.shop, 3, stop.clone());
    for _ in 0..plan.times(14, 140) {
        // The moment of the kill is random: there is nothing to wait for.
        tokio::time::sleep(Duration::from_millis(dice.below(350) as u64)).await;
        let which = dice.below(3);
        if which != 0 {
            warehouse.take().expect("it runs").kill();
        }
        if which != 1 {
            cartlog.take().expect("it runs").kill();
            if dice.one_in(2) {
                site.delete_views();
            }
            cartlog = Some(site.serve());
        }
        warehouse = warehouse.or_else(|| Some(site.open_warehouse()));
    }
    stop.store(true, Ordering::Relaxed);
    let acknowledged = shoppers.join().expect("the shoppers end");
    let mut confirmed = 0;
    for order in &acknowledged {
        let order = site.until_status(order, &["confirmed", "cancelled"]).await;
        confirmed += usize::from(order["status"] == "confirmed");
    }
    site.until_settled().await;
    assert_eq!(site.discrepancies(&acknowledged), Vec::<String>::new());
    println!("{confirmed} of {} orders confirmed", acknowledged.len());
    assert!(confirmed > 0);
}

/// The test double acknowledges an event and ends before it has done anything.
#[tokio::test]
async fn control_acknowledging_before_the_commit_loses() {
    let site = Site::new(900);
    let hasty = WebhookReceiver::start();
    let cartlog = site.serve_with_webhook(&hasty.url());
    let order = one_order(&site).await;
    assert_eq!(hasty.next().json()["data"]["order_id"], order.order);
    let _warehouse = site.open_warehouse();
    site.until_settled().await;
    cartlog.kill();
    let _cartlog = site.serve();
    site.until_settled().await;
    let lost = format!("{}: not in one final state", order.order);
    assert_eq!(site.discrepancies(&[]), [lost]);
}

/// Sends what was received to the warehouse, as cartlog signed it.
async fn forward(received: &Received, warehouse: SocketAddr) {
    let mut request = reqwest::Client::new().post(format!("http://{warehouse}/events"));
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        request = request.header(name, received.header(name));
    }
    let sent = request.body(received.body.clone()).send().await;
    assert_eq!(sent.expect("an answer").status(), 204);
}

/// At-least-once delivery: the warehouse gets an event twice, as after a kill between its commit
/// and its answer.
#[tokio::test]
async fn control_warehouse_without_inbox_doubles() {
    for has_inbox in [true, false] {
        let site = Site::new(900);
        let between = WebhookReceiver::start();
        let _cartlog = site.serve_with_webhook(&between.url());
        let order = one_order(&site).await;
        let placed = between.next();
        let _warehouse = site.open_warehouse();
        if !has_inbox {
            let file = Connection::open(site.warehouse_file()).unwrap();
            file.execute_batch(
                "CREATE TRIGGER forgetful AFTER INSERT ON inbox
                 BEGIN DELETE FROM inbox WHERE event_id = NEW.event_id; END",
            )
            .unwrap();
        }
        forward(&placed, site.warehouse).await;
        forward(&placed, site.warehouse).await;
        site.until_status(&order, &["confirmed"]).await;
        site.until_settled().await;
        let found = site.discrepancies(std::slice::from_ref(&order));
        assert_eq!(found.is_empty(), has_inbox, "{found:?}");
    }
}

/// Promise (crash): An order goes on where it was, whatever step cartlog was killed after.
/// Fault: `kill -9` right after each step of an order, also with views deleted
/// Control: Without its step an order is noticed as not final:
/// [control_acknowledging_before_the_commit_loses].
#[tokio::test]
async fn order_goes_on_after_a_kill_between_any_two_steps() {
    for outcome in ["reserved", "refused"] {
        let site = Site::new(900);
        let hang = WebhookReceiver::start();
        hang.answer(|_| Reply::Hang);
        let cartlog = site.serve_with_webhook(&hang.url());
        let order = one_order(&site).await;
        cartlog.kill();
        site.delete_views();
        let cartlog = site.serve_with_webhook(&hang.url());
        site.until_status(&order, &["placed"]).await;
        cartlog.kill();
        let cartlog = site.serve_with_webhook(&hang.url());
        let mut answer = json!({ "outcome": outcome });
        if outcome == "refused" {
            answer["message"] = json!("Sold out.");
        }
        let sent = reqwest::Client::new()
            .post(format!(
                "http://{}/api/orders/{}/reservation",
                site.shop, order.order
            ))
            .bearer_auth(TOKEN)
            .json(&answer)
            .send();
        assert_eq!(sent.await.unwrap().status(), 200);
        cartlog.kill();
        site.delete_views();
        let _cartlog = site.serve_with_webhook(&hang.url());
        let last = ["confirmed", "cancelled"][usize::from(outcome == "refused")];
        site.until_status(&order, &[last]).await;
        let log = read_intact_log(&site.log());
        let events = log.iter().filter(|event| event.stream == order.order);
        assert_eq!(events.count(), 3);
    }
}

/// Promise (crash): The units of a reservation that comes too late are released.
/// Fault: The warehouse gets an order after its deadline, and the cancellation never
/// Control: A warehouse without an inbox reserves twice, which is noticed:
/// [control_warehouse_without_inbox_doubles].
#[tokio::test]
async fn late_reservation_is_released() {
    let site = Site::new(1);
    let between = WebhookReceiver::start();
    let _cartlog = site.serve_with_webhook(&between.url());
    let order = one_order(&site).await;
    let placed = between.next();
    site.until_status(&order, &["cancelled"]).await;
    let _warehouse = site.open_warehouse();
    forward(&placed, site.warehouse).await;
    site.until_settled().await;
    assert_eq!(site.discrepancies(&[order]), Vec::<String>::new());
}

/// Promise (crash): A warehouse that polls answers each order once, however often it reads an
/// event.
/// Fault: `kill -9` of the warehouse, and its place set back to the first event
/// Control: A warehouse without an inbox reserves twice:
/// [control_warehouse_without_inbox_doubles].
#[tokio::test]
async fn polling_warehouse_answers_each_order_once() {
    let site = Site::new(900);
    let unused = WebhookReceiver::start();
    let _cartlog = site.serve_with_webhook(&unused.url());
    let order = one_order(&site).await;
    let polling = ["--poll", "--poll-every", "10"];
    let warehouse = site.run_warehouse(&polling);
    site.until_status(&order, &["confirmed"]).await;
    site.until_settled().await;
    warehouse.kill();
    let file = Connection::open(site.warehouse_file()).unwrap();
    file.execute("DELETE FROM place", []).unwrap();
    let _warehouse = site.run_warehouse(&polling);
    let next = check_out(site.shop, "next", &AtomicBool::new(false)).await;
    let next = next.expect("the checkout is acknowledged");
    site.until_status(&next, &["confirmed"]).await;
    site.until_settled().await;
    assert_eq!(site.discrepancies(&[order, next]), Vec::<String>::new());
}
