//! cartlog and `examples/warehouse` on one site, as two processes, and the check of both files.

use cartlog_testkit::PATIENCE;
use cartlog_testkit::log_file::{StoredEvent, log_path, read_intact_log};
use cartlog_testkit::process::{ServiceProcess, command};
use futures_util::future::join_all;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub const TOKEN: &str = "warehouse-of-the-test";
/// Of each product at first.
const STOCK: u64 = 60;

/// Units by order and product.
type Units = BTreeMap<(String, String), u64>;

/// A checkout that was acknowledged.
pub struct CheckedOut {
    pub order: String,
    pub token: String,
}

/// Where the two programs have their files and listen.
pub struct Site {
    folder: TempDir,
    pub shop: SocketAddr,
    pub warehouse: SocketAddr,
    reserve_within_seconds: u32,
}

/// The running warehouse. Dropping it kills it.
pub struct WarehouseProcess(Child);

impl Site {
    pub fn new(reserve_within_seconds: u32) -> Site {
        Site {
            folder: tempfile::tempdir().unwrap(),
            shop: free_address(),
            warehouse: free_address(),
            reserve_within_seconds,
        }
    }

    pub fn log(&self) -> PathBuf {
        log_path(self.folder.path())
    }

    /// Deletes the views, which are rebuilt at the next start.
    pub fn delete_views(&self) {
        for suffix in ["", "-wal", "-shm"] {
            // Not all of them need exist.
            let _ = std::fs::remove_file(self.log().with_file_name(format!("views.db{suffix}")));
        }
    }

    pub fn warehouse_file(&self) -> PathBuf {
        self.folder.path().join("warehouse.db")
    }

    /// cartlog, whose webhook sends to the warehouse.
    pub fn serve(&self) -> ServiceProcess {
        self.serve_with_webhook(&format!("http://{}/events", self.warehouse))
    }

    pub fn serve_with_webhook(&self, url: &str) -> ServiceProcess {
        let mut command = command(self.folder.path(), &["serve"]);
        let types = r#"["cartlog.v1.order.placed", "cartlog.v1.order.cancelled"]"#;
        let within = self.reserve_within_seconds.to_string();
        command
            .env("CARTLOG_SERVER__BIND", self.shop.to_string())
            .env("CARTLOG_ORDERS__CONFIRM", "warehouse")
            .env("CARTLOG_ORDERS__WAREHOUSE_TOKEN", TOKEN)
            .env("CARTLOG_ORDERS__RESERVE_WITHIN_SECONDS", within)
            .env(
                "CARTLOG_WEBHOOKS",
                format!(
                    r#"[{{ name = "w", url = "{url}", secret = "{SECRET}", types = {types} }}]"#
                ),
            );
        ServiceProcess::run(command)
    }

    pub fn open_warehouse(&self) -> WarehouseProcess {
        let address = self.warehouse.to_string();
        self.run_warehouse(&["--listen", &address])
    }

    /// Starts the warehouse and waits until it receives.
    pub fn run_warehouse(&self, mode: &[&str]) -> WarehouseProcess {
        let mut child = Command::new(warehouse_program())
            .args(["--shop", &format!("http://{}", self.shop)])
            .args(["--default-stock", &STOCK.to_string()])
            .args(mode)
            .current_dir(self.folder.path())
            .env("WAREHOUSE_TOKEN", TOKEN)
            .env("WAREHOUSE_SECRET", SECRET)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the warehouse runs");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let is_up = |line: &str| line.contains("receives events") || line.contains("reads events");
        let started = lines
            .by_ref()
            .map_while(Result::ok)
            .any(|line| is_up(&line));
        assert!(started, "the warehouse starts");
        std::thread::spawn(move || lines.for_each(drop));
        WarehouseProcess(child)
    }

    async fn get(&self, path: &str, token: Option<&str>) -> Option<Value> {
        let mut request = reqwest::Client::new().get(format!("http://{}{path}", self.shop));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        response.json().await.ok()
    }

    /// Waits until the order has one of the statuses.
    pub async fn until_status(&self, order: &CheckedOut, statuses: &[&str]) -> Value {
        let path = format!("/api/orders/{}", order.order);
        let reached = async {
            loop {
                let found = self.get(&path, Some(&order.token)).await;
                let found = found.unwrap_or_default();
                if statuses.contains(&found["status"].as_str().unwrap_or_default()) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        reached.unwrap_or_else(|_| panic!("order {} gets to {statuses:?}", order.order))
    }

    /// Waits until all events are delivered and all answers sent.
    pub async fn until_settled(&self) {
        let settled = async {
            loop {
                let webhook = self.get("/api/webhooks", None).await.unwrap_or_default();
                let file = Connection::open(self.warehouse_file()).unwrap();
                let unsent: u64 = file
                    .query_row("SELECT count(*) FROM outbox", [], |row| row.get(0))
                    .unwrap_or(1);
                if webhook["items"][0]["state"] == "idle" && unsent == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let settled = tokio::time::timeout(PATIENCE, settled).await;
        settled.expect("everything is delivered and answered within the time limit");
    }

    /// What is wrong with the orders of the log, and with the units in the warehouse's file.
    pub fn discrepancies(&self, acknowledged: &[CheckedOut]) -> Vec<String> {
        let log = read_intact_log(&self.log());
        let mut found = Vec::new();
        let mut orders: BTreeMap<&str, Vec<&StoredEvent>> = BTreeMap::new();
        for event in log.iter().filter(|event| event.name.starts_with("Order")) {
            orders.entry(&event.stream).or_default().push(event);
        }
        let checkouts = log.iter().filter(|event| event.name == "CartCheckedOut");
        let placed: BTreeSet<String> = checkouts
            .map(|event| text(&json_of(&event.data)["order_id"]))
            .collect();
        let acknowledged = acknowledged.iter().map(|it| it.order.clone());
        for order in placed.iter().cloned().chain(acknowledged) {
            let events = orders.get(order.as_str()).map_or(&[][..], Vec::as_slice);
            let count = |name: &str| events.iter().filter(|event| event.name == name).count();
            if count("OrderPlaced") != 1 {
                found.push(format!("{order}: placed {} times", count("OrderPlaced")));
            }
            if count("OrderConfirmed") + count("OrderCancelled") != 1 {
                found.push(format!("{order}: not in one final state"));
            }
        }
        if orders.len() != placed.len() {
            found.push(format!(
                "{} orders for {} checkouts",
                orders.len(),
                placed.len()
            ));
        }
        let mut sold = Units::new();
        for (order, events) in &orders {
            if events.iter().any(|event| event.name == "OrderConfirmed") {
                sold.extend(units_of(order, &json_of(&events[0].data)));
            }
        }
        let file = Connection::open(self.warehouse_file()).unwrap();
        let reserved = reservations(&file);
        for (key, units) in sold
            .iter()
            .filter(|(key, units)| reserved.get(*key) != Some(*units))
        {
            found.push(format!(
                "{key:?}: sold {units}, reserved {:?}",
                reserved.get(key)
            ));
        }
        for (key, units) in reserved.iter().filter(|(key, _)| !sold.contains_key(*key)) {
            found.push(format!("{key:?}: reserved {units} for nothing"));
        }
        for (sku, free) in stock(&file) {
            let own = reserved.iter().filter(|((_, own), _)| *own == sku);
            let reserved: u64 = own.map(|(_, units)| units).sum();
            if free + reserved != STOCK {
                found.push(format!("{sku}: {free} free and {reserved} reserved"));
            }
        }
        found
    }
}

impl WarehouseProcess {
    pub fn kill(mut self) {
        self.0.kill().expect("the warehouse is killed");
        self.0.wait().expect("it exits");
    }
}

impl Drop for WarehouseProcess {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The example that cargo builds beside the tests.
fn warehouse_program() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test binary");
    let profile = test.ancestors().nth(2).expect("a folder of the profile");
    let program = profile.join("examples/warehouse");
    assert!(program.exists(), "missing: cargo build --example warehouse");
    program
}

/// A port that no other program has, for programs that are started again on it.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound address")
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The units of a placed order.
fn units_of(order: &str, placed: &Value) -> Units {
    let lines = placed["lines"].as_array().expect("lines");
    let units = |line: &Value| {
        let lots = line["lots"].as_array().expect("lots");
        lots.iter().filter_map(|lot| lot["quantity"].as_u64()).sum()
    };
    let key = |line: &Value| (order.to_owned(), text(&line["sku"]));
    lines.iter().map(|line| (key(line), units(line))).collect()
}

fn reservations(file: &Connection) -> Units {
    let mut rows = file
        .prepare("SELECT order_id, sku, units FROM reservations")
        .unwrap();
    let rows = rows.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)));
    rows.unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

/// Free units, which cannot be read as `u64` if they are negative.
fn stock(file: &Connection) -> BTreeMap<String, u64> {
    let mut rows = file.prepare("SELECT sku, free FROM stock").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

/// Checks out a cart with teapots and one more product, however often cartlog is killed meanwhile.
/// `None` if `stop` was set before the cart was checked out.
pub async fn check_out(shop: SocketAddr, key: &str, stop: &AtomicBool) -> Option<CheckedOut> {
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .build()
        .unwrap();
    let url = |path: &str| format!("http://{shop}{path}");
    let open = json!({ "items": [{ "sku": "teapot", "quantity": 1 + key.len() % 3 },
                                 { "sku": "sencha", "quantity": 1 }] });
    let cart = answered(stop, || client.post(url("/api/carts")).json(&open)).await?;
    let path = format!("/api/carts/{}/checkout", text(&cart["id"]));
    let token = text(&cart["token"]);
    let order = answered(stop, || {
        client
            .post(url(&path))
            .bearer_auth(&token)
            .header("if-match", format!("\"{}\"", cart["version"]))
            .header("idempotency-key", key)
            .json(&json!({ "expected_total": cart["total"] }))
    })
    .await?;
    Some(CheckedOut {
        order: text(&order["order_id"]),
        token,
    })
}

/// Sends a request until it is answered with 2xx.
async fn answered(
    stop: &AtomicBool,
    request: impl Fn() -> reqwest::RequestBuilder,
) -> Option<Value> {
    while !stop.load(Ordering::Relaxed) {
        if let Ok(response) = request().send().await {
            let status = response.status();
            let body = response.json::<Value>().await;
            match body {
                Ok(body) if status.is_success() => return Some(body),
                Ok(body) => assert!(status.is_server_error(), "{status}: {body}"),
                Err(_) => {}
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    None
}

/// Shoppers on a thread of their own, until `stop` is set. Returns what was acknowledged to them.
pub fn start_shoppers(
    shop: SocketAddr,
    number: usize,
    stop: Arc<AtomicBool>,
) -> JoinHandle<Vec<CheckedOut>> {
    let one = async move |shopper: usize, stop: &AtomicBool| {
        let mut acknowledged = Vec::new();
        for order in 0.. {
            let key = format!("order-{shopper}-{order}");
            match check_out(shop, &key, stop).await {
                Some(checked_out) => acknowledged.push(checked_out),
                None => break,
            }
            // A shopper looks around.
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        acknowledged
    };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let all = join_all((0..number).map(|shopper| one(shopper, &stop)));
        runtime.block_on(all).into_iter().flatten().collect()
    })
}

pub async fn one_order(site: &Site) -> CheckedOut {
    let order = check_out(site.shop, "order", &AtomicBool::new(false)).await;
    order.expect("the checkout is acknowledged")
}
