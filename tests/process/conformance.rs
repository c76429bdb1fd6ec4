//! The running service held against its own description by a program that knows nothing else of it:
//! schemathesis draws requests from the document, sound ones and broken ones, and looks for answers
//! that the document does not have.

use cartlog_testkit::process::{ServiceProcess, command};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::process::Command;

const TOKEN: &str = "operator-of-the-test";
/// What is drawn is the same each time.
const SEED: &str = "2026";
/// What is asked of every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_schema_conformance,response_headers_conformance,allow_header_conformance";

/// A service, a cart in it, and the description that it gives of itself.
struct Subject {
    program: ServiceProcess,
    cart: String,
    token: String,
    document: Value,
}

/// What is held against what.
struct Run<'a> {
    document: &'a Value,
    /// How schemathesis is to ask.
    settings: &'a str,
    phases: &'a str,
    /// How many requests are drawn for an operation, or how many stories for all of them.
    examples: &'a str,
    more: &'a [&'a str],
}

impl Subject {
    async fn start(folder: &Path) -> Subject {
        let mut command = command(folder, &[]);
        command
            .env("CARTLOG_SECURITY__OPERATOR_TOKEN", TOKEN)
            // Carts of a log from before have been idle for as long as that is ago.
            .env("CARTLOG_CARTS__EXPIRE_AFTER_MINUTES", "0")
            .env("CARTLOG_LOGGING__FORMAT", "json")
            .env("CARTLOG_LOGGING__REQUESTS", "all")
            .stderr(File::create(folder.join("requests")).unwrap());
        let program = ServiceProcess::run(command);
        let client = reqwest::Client::new();
        let url = |path: &str| format!("http://{}{path}", program.address);
        let opened = client
            .post(url("/api/carts"))
            .json(&json!({ "items": [{ "sku": "teapot", "quantity": 2 }] }))
            .send();
        let opened: Value = opened.await.unwrap().json().await.unwrap();
        let document = client.get(url("/openapi.json")).send().await.unwrap();
        Subject {
            document: document.json().await.unwrap(),
            cart: opened["id"].as_str().unwrap().to_owned(),
            token: opened["token"].as_str().unwrap().to_owned(),
            program,
        }
    }

    /// How the program is to ask: as the operator, and of a cart as its holder. Nothing of the
    /// document is left out. A rebuild and an audit of so small a log take no time, and what asks
    /// for no stream of events gets a page.
    fn settings(&self) -> String {
        let cart = as_holder(&self.cart, &self.token);
        format!("headers = {{ Authorization = \"Bearer {TOKEN}\" }}\n{cart}")
    }

    /// What schemathesis says of the service: whether all is well, and why not.
    fn hold_against(&self, folder: &Path, run: &Run<'_>) -> (bool, String) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let schemathesis = root.join("target/schemathesis/bin/schemathesis");
        let (described, configured) = (folder.join("openapi.json"), folder.join("settings.toml"));
        std::fs::write(&described, run.document.to_string()).unwrap();
        std::fs::write(&configured, run.settings).unwrap();
        let output = Command::new(schemathesis)
            .current_dir(folder)
            .arg("--config-file")
            .arg(&configured)
            .arg("run")
            .arg(&described)
            .args(["--url", &format!("http://{}", self.program.address)])
            .args(["--phases", run.phases, "--max-examples", run.examples])
            .args(["--checks", CHECKS, "--seed", SEED])
            .args(["--generation-with-security-parameters", "false"])
            .args(["--generation-database", "none", "--request-timeout", "20"])
            .args(["--continue-on-failure", "--no-color"])
            .args(run.more)
            .output()
            .expect("schemathesis, as tests/all installs it");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complained = String::from_utf8_lossy(&output.stderr);
        (output.status.success(), said + &complained)
    }
}

/// The methods and statuses of all answers so far to what was asked of carts.
fn answered(folder: &Path) -> BTreeMap<String, BTreeSet<(String, u64)>> {
    let lines = std::fs::read_to_string(folder.join("requests")).unwrap();
    let mut answered: BTreeMap<String, BTreeSet<(String, u64)>> = BTreeMap::new();
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (method, path) = (line["method"].as_str(), line["path"].as_str());
        let of_cart = path.and_then(|path| path.strip_prefix("/api/carts/"));
        if let (Some(method), Some(below)) = (method, of_cart) {
            let status = line["status"].as_u64().unwrap();
            let cart = below.split('/').next().unwrap_or_default().to_owned();
            let answers = answered.entry(cart).or_default();
            answers.insert((method.to_owned(), status));
        }
    }
    answered
}

/// Settings by which `cart` is asked for with `token`, whichever cart is drawn.
fn as_holder(cart: &str, token: &str) -> String {
    format!(
        r#"
        [[operations]]
        include-path-regex = "^/api/carts/"
        headers = {{ Authorization = "Bearer {token}" }}
        parameters = {{ "path.id" = "{cart}" }}
        "#
    )
}

/// A read that waits for a version which the view does not reach in time is answered 503, as the
/// contract has it: of all statuses from 500 on, that one, and there alone.
const WAITING: &str = r#"
    [[operations]]
    include-path = "/api/carts/{id}"
    [operations.checks.not_a_server_error]
    expected-statuses = ["2xx", "3xx", "4xx", "503"]
    "#;

const OF_CARTS: [&str; 2] = ["--include-path-regex", "^/api/carts"];

#[tokio::test]
#[ignore = "needs schemathesis"]
async fn no_answer_is_outside_of_the_description() {
    let folder = tempfile::tempdir().unwrap();
    let subject = Subject::start(folder.path()).await;
    let (well, said) = subject.hold_against(
        folder.path(),
        &Run {
            document: &subject.document,
            settings: &(subject.settings() + WAITING),
            phases: "examples,coverage,fuzzing",
            examples: "20",
            more: &[],
        },
    );
    assert!(well, "{said}");
    let operations: usize = subject.document["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|methods| methods.as_object().unwrap().len())
        .sum();
    assert!(said.contains(&format!("Tested: {operations}\n")), "{said}");
}

/// Carts that an earlier version has left behind: one was bought, one has expired, one is open.
#[tokio::test]
#[ignore = "needs schemathesis"]
async fn no_answer_about_a_cart_in_any_state_is_outside_of_the_description() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let log = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/logs/0.1.0");
    std::fs::create_dir(folder.join("data")).unwrap();
    for file in ["events.db", "secret"] {
        std::fs::copy(log.join(file), folder.join("data").join(file)).unwrap();
    }
    let recorded = std::fs::read_to_string(log.join("answers.json")).unwrap();
    let recorded: Value = serde_json::from_str(&recorded).unwrap();
    let subject = Subject::start(folder).await;
    let mut carts: BTreeMap<String, (String, String)> = BTreeMap::new();
    for asked in recorded["questions"].as_array().unwrap() {
        let (path, answer) = (asked["path"].as_str().unwrap(), &asked["answer"]);
        if path.contains("?min_version=") {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let holder = (text(&answer["id"]), text(&asked["token"]));
            carts.insert(text(&answer["status"]), holder);
        }
    }
    let own = |state: &str| as_holder(&carts[state].0, &carts[state].1);
    let foreign = as_holder(&subject.cart, &carts["open"].1);
    let past = own("open").replace("\"path.id\"", "\"query.version\" = 3, \"path.id\"");
    for (settings, cart, seen, method, status) in [
        (
            own("checked_out"),
            &carts["checked_out"].0,
            true,
            "PUT",
            409,
        ),
        (own("expired"), &carts["expired"].0, true, "PUT", 410),
        (past, &carts["open"].0, true, "GET", 200),
        (foreign, &subject.cart, false, "GET", 200),
    ] {
        let (well, said) = subject.hold_against(
            folder,
            &Run {
                document: &subject.document,
                settings: &(settings + WAITING),
                phases: "examples,fuzzing",
                examples: "5",
                more: &OF_CARTS,
            },
        );
        assert!(well, "{said}");
        let answers = &answered(folder)[cart];
        let answer = (method.to_owned(), status);
        assert_eq!(answers.contains(&answer), seen, "{cart}: {answers:?}");
    }
}

/// Stories that begin with opening a cart and go on along the links of the description.
#[tokio::test]
#[ignore = "needs schemathesis"]
async fn what_follows_from_the_opening_of_a_cart_is_in_the_description() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let subject = Subject::start(folder).await;
    std::fs::write(folder.join("holder.py"), include_str!("holder.py")).unwrap();
    let settings = r#"
        hooks = "holder.py"
        parameters = { "path.sku" = "teapot" }
        [phases.stateful.inference]
        algorithms = []
        "#;
    let (well, said) = subject.hold_against(
        folder,
        &Run {
            document: &subject.document,
            settings: &(settings.to_owned() + WAITING),
            phases: "stateful",
            examples: "60",
            more: &[
                OF_CARTS[0],
                OF_CARTS[1],
                "--exclude-method",
                "HEAD",
                "--exclude-method",
                "OPTIONS",
                "--mode",
                "positive",
            ],
        },
    );
    assert!(well, "{said}");
    let links = subject.document["paths"]["/api/carts"]["post"]["responses"]["201"]["links"]
        .as_object()
        .unwrap()
        .len();
    let covered = format!("{links} covered / {links} selected");
    assert!(said.contains(&covered), "{said}");
    let answers: BTreeSet<(String, u64)> = answered(folder).into_values().flatten().collect();
    for (method, status) in [("POST", 201), ("PUT", 200), ("DELETE", 200), ("POST", 412)] {
        let answer = (method.to_owned(), status);
        assert!(answers.contains(&answer), "{answer:?} in {answers:?}");
    }
}

#[tokio::test]
#[ignore = "needs schemathesis"]
async fn control_answers_outside_of_the_description_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let subject = Subject::start(folder.path()).await;
    let mut wrong = subject.document.clone();
    let mut get = |path: &str| wrong["paths"][path]["get"]["responses"].take();
    let mut responses: BTreeMap<&str, Value> =
        ["/livez", "/api/views", "/readyz", "/api/products/{sku}"]
            .map(|path| (path, get(path)))
            .into();
    responses.get_mut("/livez").unwrap()["200"]["content"]["application/json"]["schema"] =
        json!({ "type": "array" });
    let content = &mut responses.get_mut("/readyz").unwrap()["200"]["content"];
    *content = json!({ "text/plain": { "schema": { "type": "string" } } });
    responses.get_mut("/api/views").unwrap()["200"]["headers"]["x-missing"] =
        json!({ "required": true, "schema": { "type": "string" } });
    let of_product = responses.get_mut("/api/products/{sku}").unwrap();
    of_product.as_object_mut().unwrap().remove("404");
    let mut paths: Vec<&str> = responses.keys().copied().collect();
    for (path, responses) in &responses {
        wrong["paths"][path]["get"]["responses"] = responses.clone();
    }
    // Here a 503 is not expected anywhere.
    paths.push("/api/carts/{id}");
    let more: Vec<&str> = paths
        .iter()
        .flat_map(|path| ["--include-path", path])
        .collect();
    let (well, said) = subject.hold_against(
        folder.path(),
        &Run {
            document: &wrong,
            settings: &subject.settings(),
            phases: "examples,coverage,fuzzing",
            examples: "20",
            more: &more,
        },
    );
    assert!(!well, "{said}");
    for found in [
        "Response violates schema: 1",
        "Undocumented Content-Type: 1",
        "Missing required response headers: 1",
        "Undocumented status code: 1",
        "Server error: 1",
    ] {
        assert!(said.contains(found), "{found}: {said}");
    }
}
