//! `examples/clickhouse/` as it is written, on chDB, which is ClickHouse in a process.

use crate::insights::{Insights, shop_with_carts};
use cartlog_testkit::orders::until_orders_are_placed;
use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use cartlog_testkit::{PATIENCE, repository};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output};
use std::time::Instant;

const SHOPPERS: i64 = 150;
const FORGOTTEN: usize = 3;

/// chDB behind ClickHouse's HTTP interface.
struct ClickHouse {
    _process: ServiceProcess,
    url: String,
}

impl ClickHouse {
    fn start(folder: &Path) -> ClickHouse {
        let python = repository().join("target/clickhouse-venv/bin/python");
        let mut local = Command::new(python);
        local.arg(repository().join("examples/clickhouse/local.py"));
        local.args(["--port", "0"]).current_dir(folder);
        let process = ServiceProcess::run_to_line(local, "http://");
        let url = format!("http://{}", process.address);
        ClickHouse {
            _process: process,
            url,
        }
    }

    /// The rows of `query`, in which `{name:Type}` is a parameter.
    async fn rows(&self, query: &str, parameters: &[(&str, &str)]) -> Vec<Value> {
        let mut url = format!("{}/?default_format=JSONEachRow", self.url);
        for (name, value) in parameters {
            url += &format!("&{name}={value}");
        }
        let request = reqwest::Client::new().post(url).body(query.to_owned());
        let response = request.send().await.unwrap();
        let ok = response.status() == 200;
        let text = response.text().await.unwrap();
        assert!(ok, "{query}: {text}");
        let lines = text.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().expect("rows of JSON")
    }

    async fn insight(&self, name: &str, parameters: &[(&str, &str)]) -> Vec<Value> {
        let file = format!("examples/clickhouse/insights/{name}.sql");
        let query = fs::read_to_string(repository().join(file)).unwrap();
        self.rows(&query, parameters).await
    }

    /// Waits until `query` returns 1 as `column`.
    async fn until(&self, query: &str, column: &str) {
        let started = Instant::now();
        while self.rows(query, &[]).await[0][column] != 1 {
            assert!(started.elapsed() < PATIENCE, "{column} stays false");
        }
    }

    /// A program of the example, for this ClickHouse.
    fn program(&self, name: &str, arguments: &[&str]) -> Command {
        let mut program = Command::new("python3");
        program.arg(repository().join("examples/clickhouse").join(name));
        program.args(arguments).args(["--clickhouse", &self.url]);
        program
    }
}

/// A running `load.py --follow`, killed when it is dropped.
struct Follower(Child);

impl Follower {
    fn start(clickhouse: &ClickHouse, shop: &str) -> Follower {
        let arguments = ["--follow", shop, "--seconds", "0.1"];
        let mut program = clickhouse.program("load.py", &arguments);
        Follower(program.spawn().expect("Python runs"))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A time of ClickHouse as cartlog writes it.
fn time(value: &Value) -> String {
    let text = value.as_str().unwrap().replace(' ', "T");
    let millis = if text.contains('.') { "" } else { ".000" };
    format!("{text}{millis}Z")
}

/// `row` with nine decimals of its shares.
fn rounded(mut row: Value, shares: &[&str]) -> Value {
    for share in shares {
        row[share] = format!("{:.9}", row[share].as_f64().unwrap()).into();
    }
    row
}

fn number_of_lines(text: &str) -> u64 {
    text.lines().count() as u64
}

fn export(folder: &Path) -> String {
    let lines = run_to_exit(command(folder, &["export"]));
    String::from_utf8(lines.stdout).unwrap()
}

/// Contract (tools): The SQL of `examples/clickhouse/` returns every insight of the service, from
/// an export and from the live stream, also of events that were inserted twice.
#[tokio::test]
#[ignore = "needs chDB"]
async fn clickhouse_insights_equal_those_of_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let service = shop_with_carts(folder.path(), SHOPPERS, FORGOTTEN).await;
    let shop = format!("http://{}", service.address);
    let clickhouse = ClickHouse::start(folder.path());

    let exported = export(folder.path());
    let file = folder.path().join("log.jsonl");
    let (events, _closing_line) = exported.trim_end().rsplit_once('\n').unwrap();
    fs::write(&file, events).unwrap();
    let file = file.to_str().unwrap();
    let loading = || run_to_exit(clickhouse.program("load.py", &[file, "--block", "1000"]));
    let cut_off = loading();
    assert_eq!(cut_off.status.code(), Some(1));
    assert!(errors(&cut_off).contains("no closing line"), "{cut_off:?}");
    fs::write(file, &exported).unwrap();
    let again = loading();
    assert!(again.status.success(), "{again:?}");
    assert_eq!(errors(&again), "", "each event is inserted already");

    // Two at once insert each event twice, and in other blocks.
    let incremental = fs::read_to_string(repository().join("examples/clickhouse/incremental.sql"));
    for statement in incremental.unwrap().split(";\n") {
        if !statement.trim().is_empty() {
            clickhouse.rows(statement, &[]).await;
        }
    }
    let loaded = number_of_lines(events);
    let followers = [(); 2].map(|()| Follower::start(&clickhouse, &shop));
    until_followed(&shop, followers.len()).await;
    shopping(folder.path(), &shop, "12").await;
    let end = number_of_lines(&export(folder.path())) - 1;
    let twice = format!(
        "SELECT (SELECT sum(events) FROM cartlog.cart_sums) AS summed,
            summed = 2 * countIf(NOT startsWith(type, 'Order'))
                AND max(position) = {end} AS is_twice
         FROM cartlog.events FINAL WHERE position > {loaded}"
    );
    clickhouse.until(&twice, "is_twice").await;

    drop(followers);
    shopping(folder.path(), &shop, "13").await;
    let _resumed = Follower::start(&clickhouse, &shop);
    let end = number_of_lines(&export(folder.path())) - 1;
    let newest = format!("SELECT max(position) = {end} AS is_complete FROM cartlog.events");
    clickhouse.until(&newest, "is_complete").await;

    let insights = Insights {
        client: reqwest::Client::new(),
        url: shop.clone(),
        end: end.to_string(),
    };
    compare(&clickhouse, &insights).await;

    clickhouse
        .rows("SYSTEM REFRESH VIEW cartlog.carts", &[])
        .await;
    clickhouse.rows("SYSTEM WAIT VIEW cartlog.carts", &[]).await;
    let differing = "SELECT cart, total FROM cartlog.carts EXCEPT
        SELECT cart, total FROM cartlog.carts_now";
    assert!(clickhouse.rows(differing, &[]).await.is_empty());

    // The log of another shop.
    let other = tempfile::tempdir().unwrap();
    let other = ServiceProcess::serve(other.path());
    let other = format!("http://{}", other.address);
    let refused = run_to_exit(clickhouse.program("load.py", &["--follow", &other]));
    assert_eq!(refused.status.code(), Some(1));
    assert!(errors(&refused).contains("not the one"), "{refused:?}");
}

/// Simulates some more shoppers, and waits for their orders.
async fn shopping(folder: &Path, shop: &str, seed: &str) {
    let simulate = ["simulate", "--url", shop, "--carts", "20", "--seed", seed];
    let simulated = run_to_exit(command(folder, &simulate));
    assert!(simulated.status.success(), "{simulated:?}");
    until_orders_are_placed(shop).await;
}

/// Waits until `count` clients follow the service's live streams.
async fn until_followed(shop: &str, count: usize) {
    let started = Instant::now();
    let followed = format!("cartlog_streams_open {count}");
    loop {
        let metrics = reqwest::get(format!("{shop}/metrics")).await.unwrap();
        let metrics = metrics.text().await.unwrap();
        if metrics.lines().any(|line| line == followed) {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{metrics}");
    }
}

async fn compare(clickhouse: &ClickHouse, insights: &Insights) {
    let funnel = rounded(insights.get("funnel").await, &["conversion"]);
    let idle_since = funnel["idle_since"].as_str().unwrap();
    let idle = [("param_idle_since", idle_since)];
    let counted = clickhouse.insight("funnel", &idle).await.remove(0);
    let counted = rounded(counted, &["conversion"]);
    for name in [
        "opened",
        "filled",
        "checked_out",
        "expired",
        "idle",
        "conversion",
    ] {
        assert_eq!(counted[name], funnel[name], "{name}");
    }
    for name in ["median_ms", "p90_ms"] {
        assert_eq!(counted[name], funnel["time_to_checkout"][name], "{name}");
    }
    assert!(
        funnel["idle"] != 0 && funnel["expired"] == FORGOTTEN,
        "{funnel}"
    );

    for name in ["products", "hesitated"] {
        let counted = clickhouse.insight(name, &[]).await;
        assert_eq!(counted, insights.pages(name).await, "{name}");
    }

    let counted = clickhouse.insight("pairs", &[]).await.into_iter();
    let pairs = insights.get("pairs").await["items"].take();
    let pairs = pairs.as_array().unwrap().iter().cloned();
    let rounded = |pair| rounded(pair, &["support", "confidence", "lift"]);
    assert!(counted.map(rounded).eq(pairs.map(rounded)));

    let counted: Vec<Value> = clickhouse.insight("abandoned", &idle).await;
    let counted: Vec<Value> = counted
        .into_iter()
        .map(|mut cart| {
            cart["opened_at"] = time(&cart["opened_at"]).into();
            cart["idle_since"] = time(&cart["idle_since"]).into();
            cart
        })
        .collect();
    let carts = insights.pages("abandoned").await.into_iter();
    let carts: Vec<Value> = carts
        .map(|mut cart| {
            cart["last_event"] = cart["last_event"]["type"].take();
            let taken_out = cart["taken_out_last"]["sku"].as_str().unwrap_or_default();
            cart["taken_out_last"] = taken_out.into();
            cart
        })
        .collect();
    assert_eq!(counted, carts);

    let minutes = [("param_minutes", "60")];
    let counted = clickhouse.insight("activity", &minutes).await.into_iter();
    let counted: Vec<Value> = counted
        .map(|mut step| {
            step["at"] = time(&step["at"]).into();
            step
        })
        .collect();
    assert_eq!(
        Value::from(counted),
        insights.get("activity").await["items"]
    );
}

/// Contract (tools): `trap.py` of `examples/clickhouse/` shows when running sums of an incremental
/// view are wrong; a fold over `FINAL` never is.
#[tokio::test]
#[ignore = "needs chDB"]
async fn clickhouse_running_sums_double_and_a_fold_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let service = shop_with_carts(folder.path(), 80, FORGOTTEN).await;
    assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
    let file = folder.path().join("log.jsonl");
    fs::write(&file, export(folder.path())).unwrap();
    let clickhouse = ClickHouse::start(folder.path());
    let shown = run_to_exit(clickhouse.program("trap.py", &[file.to_str().unwrap()]));
    assert!(shown.status.success(), "{shown:?}");
    let shown = String::from_utf8(shown.stdout).unwrap();
    let lines: Vec<&str> = shown.lines().collect();
    let column = |line: usize, at: usize| lines[line][at..at + 12].trim();
    let right = column(6, 45);
    let wrong: Vec<bool> = (1..6)
        .map(|scene| {
            assert_eq!(
                [column(scene, 57), column(scene, 69)],
                [right; 2],
                "{shown}"
            );
            column(scene, 45) != right
        })
        .collect();
    assert_eq!(wrong, [false, true, true, false, true], "{shown}");
}
