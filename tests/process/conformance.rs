//! The running service held against its own description by a program that knows nothing else of it:
//! schemathesis draws requests from the document, sound ones and broken ones, and looks for answers
//! that the document does not have.

use crate::program::{Program, command};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const TOKEN: &str = "operator-of-the-test";
/// What is drawn is the same each time.
const SEED: &str = "2026";
/// What is asked of every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_schema_conformance,response_headers_conformance,allow_header_conformance";

/// A service, and a cart in it.
struct Subject {
    program: Program,
    cart: String,
    token: String,
    document: Value,
}

impl Subject {
    async fn start(folder: &Path) -> Subject {
        let mut command = command(folder, &[]);
        command.env("CARTLOG_SECURITY__OPERATOR_TOKEN", TOKEN);
        let program = Program::run(command);
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
        format!(
            r#"
            headers = {{ Authorization = "Bearer {TOKEN}" }}
            [[operations]]
            include-path-regex = "^/api/carts/"
            headers = {{ Authorization = "Bearer {}" }}
            parameters = {{ "path.id" = "{}" }}
            "#,
            self.token, self.cart
        )
    }

    /// What schemathesis says of `document`, asking as `settings` say, about the `paths` of it alone
    /// if there are any: whether all is well, and why not.
    fn hold_against(
        &self,
        folder: &Path,
        document: &Value,
        settings: &str,
        paths: &[&str],
    ) -> (bool, String) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let schemathesis = root.join("target/schemathesis/bin/schemathesis");
        let (described, configured) = (folder.join("openapi.json"), folder.join("settings.toml"));
        std::fs::write(&described, document.to_string()).unwrap();
        std::fs::write(&configured, settings).unwrap();
        let mut command = Command::new(schemathesis);
        command
            .current_dir(folder)
            .arg("--config-file")
            .arg(&configured)
            .arg("run")
            .arg(&described)
            .args(["--url", &format!("http://{}", self.program.address)])
            .args(["--phases", "examples,coverage,fuzzing"])
            .args(["--checks", CHECKS, "--seed", SEED, "--max-examples", "20"])
            .args(["--generation-with-security-parameters", "false"])
            .args(["--generation-database", "none", "--request-timeout", "20"])
            .args(["--continue-on-failure", "--no-color"]);
        for path in paths {
            command.args(["--include-path", path]);
        }
        let output = command
            .output()
            .expect("schemathesis, as tests/all installs it");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complained = String::from_utf8_lossy(&output.stderr);
        (output.status.success(), said + &complained)
    }
}

#[tokio::test]
#[ignore = "needs schemathesis"]
async fn no_answer_is_outside_of_the_description() {
    let folder = tempfile::tempdir().unwrap();
    let subject = Subject::start(folder.path()).await;
    // A read that waits for a version which the view does not reach in time is answered 503, as the
    // contract has it: of all statuses from 500 on, that one, and there alone.
    let settings = subject.settings()
        + r#"
            [[operations]]
            include-path = "/api/carts/{id}"
            [operations.checks.not_a_server_error]
            expected-statuses = ["2xx", "3xx", "4xx", "503"]
            "#;
    let (well, said) = subject.hold_against(folder.path(), &subject.document, &settings, &[]);
    assert!(well, "{said}");
    let operations: usize = subject.document["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|methods| methods.as_object().unwrap().len())
        .sum();
    assert!(said.contains(&format!("Tested: {operations}\n")), "{said}");
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
    let (well, said) = subject.hold_against(folder.path(), &wrong, &subject.settings(), &paths);
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
