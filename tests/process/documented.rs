//! The commands in `/docs` and the README, run as they are written.

use cartlog_testkit::process::{ServiceProcess, command};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// Runs `script` with bash in `folder` and returns stdout and stderr.
fn bash(folder: &Path, script: &str, variables: &[(&str, &str)]) -> String {
    let output = Command::new("bash")
        .args(["-c", &format!("exec 2>&1\n{script}")])
        .current_dir(folder)
        .envs(variables.iter().copied())
        .output()
        .expect("bash runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The curl lines of `/docs`, in order.
fn lines_to_type(page: &str) -> Vec<String> {
    let blocks = page.split("data-sample=\"curl\"><code>curl ").skip(1);
    blocks
        .map(|rest| {
            let (line, _) = rest.split_once("</code></pre>").expect("its end");
            let line = line.replace("&quot;", "\"").replace("&lt;", "<");
            format!("curl {}", line.replace("&gt;", ">").replace("&amp;", "&"))
        })
        .collect()
}

/// Lines that change a cart, by what they have in common, in the order in which they can be typed.
/// What was cleared is undone before the checkout.
const IN_ORDER: [&str; 11] = [
    "-X POST \"$shop/api/carts/$id/items\"",
    "-X PUT \"$shop/api/carts/$id/items/",
    "-X DELETE \"$shop/api/carts/$id/items/",
    "/undo\"",
    "-X PUT \"$shop/api/carts/$id/promotion\"",
    "/what-if\"",
    "/shares\"",
    "-X DELETE \"$shop/api/carts/$id/promotion\"",
    "-X DELETE \"$shop/api/carts/$id/items\"",
    "/undo\"",
    "/checkout\"",
];

const GET_CART: &str = "curl -i \"$shop/api/carts/$id\" -H \"Authorization: Bearer $cart_token\"";

/// The line with the cart's version and total of today in the places of the recorded ones.
fn current(line: &str, version: u64, total: i64) -> String {
    const VERSIONS: [&str; 4] = [
        "If-Match: \"",
        "min_version=",
        "\"version\":",
        "Last-Event-ID: ",
    ];
    // A what-if changes an addition: the opening added to one product, the next command to another.
    let version = if line.contains("/what-if\"") {
        3
    } else {
        version
    };
    let mut line = line.to_owned();
    let marks = VERSIONS.iter().map(|mark| (*mark, version.to_string()));
    for (mark, value) in marks.chain([("\"expected_total\":", total.to_string())]) {
        if let Some((before, after)) = line.split_once(mark) {
            let after = after.trim_start_matches(|it: char| it.is_ascii_digit());
            line = format!("{before}{mark}{value}{after}");
        }
    }
    line.replace("\"without\":[5]", "\"without\":[2]")
}

/// Contract (service): `GET /docs` alone is enough to use every route.
#[tokio::test]
#[ignore = "needs curl"]
async fn docs_curl_lines_cover_every_route() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = command(folder.path(), &[]);
    let token = "operator-token-from-the-configuration";
    serve.env("CARTLOG_SECURITY__OPERATOR_TOKEN", token);
    let warehouse = "warehouse-token-from-the-configuration";
    serve.env("CARTLOG_ORDERS__CONFIRM", "warehouse");
    serve.env("CARTLOG_ORDERS__WAREHOUSE_TOKEN", warehouse);
    let program = ServiceProcess::run(serve);
    let shop = format!("http://{}", program.address);
    let page = reqwest::get(format!("{shop}/docs")).await.unwrap();
    let lines = lines_to_type(&page.text().await.unwrap());
    let description = reqwest::get(format!("{shop}/openapi.json")).await.unwrap();
    let description: serde_json::Value = description.json().await.unwrap();
    let methods = description["paths"].as_object().unwrap().values();
    let routes = methods
        .flat_map(|methods| methods.as_object().unwrap().keys())
        .filter(|method| !["head", "options"].contains(&method.as_str()));
    assert_eq!(lines.len(), routes.count(), "a line for each route");

    let json = |answer: &str| -> serde_json::Value {
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).expect("JSON")
    };
    let known = [("shop", shop.as_str()), ("operator_token", token)];
    let opened = bash(folder.path(), &lines[0], &known);
    let cart = json(&opened);
    let (id, cart_token) = (
        cart["id"].as_str().expect("an id"),
        cart["token"].as_str().expect("a token"),
    );
    let line_with = |part: &str| {
        let line = lines.iter().find(|line| line.contains(part));
        line.unwrap_or_else(|| panic!("a line with {part}"))
    };
    let known = [known[0], known[1], ("id", id), ("cart_token", cart_token)];
    let shared = json(&bash(
        folder.path(),
        &current(line_with("/shares\""), 1, 0),
        &known,
    ));
    let share = shared["token"].as_str().expect("a share");
    let known = [known[0], known[1], known[2], known[3], ("share", share)];
    let type_in = |line: &str, expected: &[&str]| {
        let now = json(&bash(folder.path(), line_with("/carts/$id/why\""), &known));
        let version = now["version"].as_u64().expect("a version");
        let total = now["total"]["value"].as_i64().expect("a total");
        let line = current(line, version, total);
        let cart = json(&bash(folder.path(), GET_CART, &known));
        // Once it is checked out.
        let order = cart["order_id"].as_str().unwrap_or_default();
        let others = [("order", order), ("warehouse_token", warehouse)];
        let answer = bash(folder.path(), &line, &[&known[..], &others].concat());
        let (_, status) = answer
            .split_once("HTTP/1.1 ")
            .unwrap_or_else(|| panic!("{line}: {answer}"));
        let is_expected = expected.iter().any(|it| status.starts_with(it));
        assert!(is_expected, "{line}: {answer}");
    };
    let is_ordered = |line: &&String| IN_ORDER.iter().any(|part| line.contains(part));
    for part in IN_ORDER {
        type_in(line_with(part), &["2"]);
    }
    // Which tiles there are depends on the size of the tree.
    let is_tile = |line: &&String| line.contains("/log/tile/");
    // Only a demo has the first ones, only a service with webhooks the others.
    let is_absent = |line: &str| {
        let absent = ["/api/views/damage", "/api/simulation", "/api/webhooks/"];
        absent.iter().any(|part| line.contains(part))
    };
    // A job may have ended before it is cancelled.
    let cancels = |line: &str| {
        let jobs = ["/api/views/rebuild\"", "/api/verify\""];
        line.contains("-X DELETE") && jobs.iter().any(|part| line.contains(part))
    };
    for line in lines
        .iter()
        .filter(|line| !is_ordered(line) && !is_tile(line))
    {
        let expected: &[&str] = match () {
            () if is_absent(line) => &["404"],
            () if cancels(line) => &["202", "409"],
            () => &["2"],
        };
        type_in(line, expected);
    }
}

/// The address in the README; replaced, because it may be taken.
const SHOP: &str = "http://127.0.0.1:8080";

/// The shell blocks of the README, in order.
fn sessions(shop: &str) -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let blocks = readme.split("```sh\n").skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap().replace(SHOP, shop))
        .collect()
}

/// Puts a wrapper at the README's path that prints the exit code. `serve` is executed directly, so
/// that `kill` reaches the service.
fn lay_out(folder: &Path) {
    let release = folder.join("target/release");
    fs::create_dir_all(&release).unwrap();
    symlink(env!("CARGO_BIN_EXE_cartlog"), release.join("itself")).unwrap();
    let script = "#!/bin/sh\n[ \"$1\" = serve ] && exec target/release/itself \"$@\"\n\
                  target/release/itself \"$@\"\ncode=$?\necho \"$1 ended with $code\"\n\
                  exit $code\n";
    fs::write(release.join("cartlog"), script).unwrap();
    let may_run = fs::Permissions::from_mode(0o755);
    fs::set_permissions(release.join("cartlog"), may_run).unwrap();
}

/// The exit codes that the wrapper printed.
fn ends(printed: &str) -> Vec<&str> {
    let ends = printed.lines().filter(|line| line.contains(" ended with "));
    ends.collect()
}

#[track_caller]
fn shows(printed: &str, parts: &[&str]) {
    for part in parts {
        assert!(printed.contains(part), "{part} in {printed}");
    }
}

/// Contract (tools): The sessions of the README work as shown.
#[test]
#[ignore = "needs curl and sqlite3"]
fn readme_sessions_print_what_they_promise() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lay_out(folder);
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let shop = format!("http://{address}");
    let [_, first, variables, analyse, prove, recover] = &sessions(&shop)[..] else {
        panic!("the sessions of the README");
    };
    let known = [
        ("CARTLOG_SERVER__BIND", address.as_str()),
        ("CARTLOG_LOGGING__LEVEL", "error"),
    ];
    let mut serve = command(folder, &["serve"]);
    serve.env("CARTLOG_SERVER__BIND", &address);
    let program = ServiceProcess::run(serve);

    let printed = bash(folder, first, &known);
    let expected = [
        "idempotent-replayed: true",
        "\"status\":\"checked_out\"",
        "5|CartCheckedOut|",
    ];
    shows(&printed, &expected);

    let printed = bash(folder, &format!("{variables}{analyse}"), &known);
    shows(
        &printed,
        &["unexpected 0", "\"opened\":501", "given_up", "came_back"],
    );
    shows(&printed, &["support", "confidence", "lift"]);

    let printed = bash(folder, &format!("{variables}{prove}"), &known);
    assert_eq!(
        ends(&printed),
        [
            "verify ended with 0",
            "verify ended with 0",
            "verify ended with 1",
            "verify ended with 1"
        ]
    );
    let expected = [
        "no problems found",
        "row_different cart ",
        "the log is append-only: an event is never changed",
        "hash_mismatch cart ",
    ];
    shows(&printed, &expected);

    let (beside, without) = recover
        .split_once("# With the service above stopped")
        .expect("what is done beside the service comes first");
    let printed = bash(folder, &format!("{variables}{beside}"), &known);
    assert_eq!(
        ends(&printed),
        ["rebuild ended with 0", "verify ended with 0"]
    );
    shows(&printed, &["document is ", "; 1 of "]);

    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
    let without = format!("{variables}#{without}\nkill $(jobs -p)\nwait\n");
    let printed = bash(folder, &without, &known);
    shows(&printed, &["unexpected 0", "no problems found"]);
    assert_eq!(
        ends(&printed),
        ["simulate ended with 0", "verify ended with 0"]
    );
}
