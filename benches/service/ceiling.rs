//! The ceiling: what the HTTP server reaches without a decision and without storage.

use super::load::Requests;
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    sku: String,
    quantity: u32,
}

/// As long as the response to a command on a small cart.
const DOCUMENT: &str = concat!(
    r#"{"id":"01a20ae6-d3bb-7168-8b46-dfb6b5a25e6c","version":2,"status":"open","#,
    r#""currency":"EUR","lines":[{"sku":"teapot","name":"Teapot","quantity":2,"total":3998,"#,
    r#""lots":[{"quantity":2,"unit_price":1999}]}],"promotion":null,"items_total":3998,"#,
    r#""discount":0,"total":3998,"opened_at":"2026-11-24T00:13:49.371Z","#,
    r#""changed_at":"2026-11-24T00:13:49.371Z"}"#,
);

async fn handler(body: Bytes) -> HttpResponse {
    match serde_json::from_slice::<Item>(&body) {
        Ok(item) if !item.sku.is_empty() && item.quantity > 0 => HttpResponse::Ok()
            .content_type("application/json")
            .body(DOCUMENT),
        Ok(_) | Err(_) => HttpResponse::BadRequest().finish(),
    }
}

/// Serves until the process is killed; prints the address.
pub fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime.block_on(async {
        let server = HttpServer::new(|| App::new().route("/items", web::post().to(handler)))
            .bind(("127.0.0.1", 0))
            .expect("a port is free");
        println!("  the shop     http://{}/", server.addrs()[0]);
        server.run().await.expect("the ceiling serves");
    });
}

pub fn requests(connections: usize) -> Requests {
    let body = r#"{"sku":"teapot","quantity":1}"#;
    let request = format!(
        "POST /items HTTP/1.1\r\nHost: 127.0.0.1\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Requests::same(connections, vec![request.into_bytes()])
}
