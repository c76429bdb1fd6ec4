//! What the pages tell one to type, typed as it stands there.

use crate::program::{Program, command};
use std::path::Path;
use std::process::Command;

/// What `script` prints in `folder`, on both outputs, by the shell that a reader would use.
fn bash(folder: &Path, script: &str, variables: &[(&str, &str)]) -> String {
    let output = Command::new("bash")
        .args(["-c", &format!("exec 2>&1\n{script}")])
        .current_dir(folder)
        .envs(variables.iter().copied())
        .output()
        .expect("bash runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The lines to type on the page of the API, in its order.
fn lines_to_type(page: &str) -> Vec<String> {
    let blocks = page.split("<pre tabindex=\"0\"><code>curl ").skip(1);
    blocks
        .map(|rest| {
            let (line, _) = rest.split_once("</code></pre>").expect("its end");
            let line = line.replace("&quot;", "\"").replace("&lt;", "<");
            format!("curl {}", line.replace("&gt;", ">").replace("&amp;", "&"))
        })
        .collect()
}

#[tokio::test]
#[ignore = "needs curl"]
async fn the_lines_of_the_docs_typed_by_a_stranger_use_every_route() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = command(folder.path(), &[]);
    let token = "what-the-configuration-says";
    serve.env("CARTLOG_SECURITY__OPERATOR_TOKEN", token);
    let program = Program::run(serve);
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
    let known = [known[0], known[1], ("id", id), ("cart_token", cart_token)];
    let type_in = |line: &str| bash(folder.path(), line, &known);
    let is = |line: &str, part: &str| line.contains(part);
    let add = lines
        .iter()
        .find(|line| is(line, "-X POST \"$shop/api/carts/$id/items\""));
    let why = lines.iter().find(|line| is(line, "/why\""));
    let (add, why) = (
        add.expect("a line that adds"),
        why.expect("a line that asks why"),
    );
    for line in &lines {
        if is(line, "/checkout\"") {
            // Something to order: what the lines before have put in they have taken out again.
            type_in(add);
        }
        // The version and the total that the cart has then, as the page says.
        let now = json(&type_in(why));
        let line = line
            .replace("\"7\"", &format!("\"{}\"", now["version"]))
            .replace("4660", &now["total"]["value"].to_string());
        let answer = type_in(&line);
        let (_, status) = answer
            .split_once("HTTP/1.1 ")
            .unwrap_or_else(|| panic!("{line}: {answer}"));
        assert!(status.starts_with('2'), "{line}: {answer}");
    }
}
