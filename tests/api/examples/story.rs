//! The story: a shopper opens a cart, adds two teapots, changes it, undoes a change, applies a code
//! and checks out. Then the operator looks at the shop.

use super::operator::{look_at_the_shop, look_at_webhooks, operator};
use super::recorder::{Call, Recorder};
use cartlog_testkit::receiver::{Reply, WebhookReceiver};
use cartlog_testkit::{ApiClient, PATIENCE, TestApp, text};
use chrono::Utc;
use reqwest::Method;
use serde_json::{Value, json};

pub const TOKEN: &str = "operator-token-from-the-configuration";
const WAREHOUSE: &str = "warehouse-token-from-the-configuration";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const CHECKOUT_KEY: &str = "6f0c1b1e-3f6e-4a57-8f0a-0a3f6a1f7c55";
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const CORRELATION: &str = "01a20c19-332f-771e-9ba3-5327c5bd4f79";

/// The exchanges by operation. A story that ran over midnight is run again, since statistics by day
/// would have two.
pub async fn run() -> Value {
    loop {
        let day = Utc::now().date_naive();
        let exchanges = play().await;
        if Utc::now().date_naive() == day {
            return exchanges;
        }
    }
}

async fn play() -> Value {
    let folder = tempfile::tempdir().expect("a folder for the catalogue");
    let file = folder.path().join("products.toml");
    let products = include_str!("../../../src/catalogue/products.toml");
    std::fs::write(&file, products).expect("the catalogue can be written");
    // It refuses all events, so that there are parked ones.
    let receiver = WebhookReceiver::start();
    receiver.answer(|_| Reply::Status(422, ""));
    let webhook = format!(
        "[{{ name = \"warehouse\", url = \"{}\", secret = \"{SECRET}\", attempts = 1 }}]",
        receiver.url()
    );
    let app = TestApp::start_with(&[
        ("webhooks", &webhook),
        ("security.operator_token", TOKEN),
        (
            "catalogue.products",
            file.to_str().expect("a path in UTF-8"),
        ),
        ("insights.abandoned_after_minutes", "0"),
        ("server.node", "shop-1"),
        ("orders.confirm", "warehouse"),
        ("orders.warehouse_token", WAREHOUSE),
    ]);
    let mut recorder = Recorder::default();
    let path = shop(&app, &mut recorder).await;
    let teapot = "price = 1999";
    assert_eq!(
        products.matches(teapot).count(),
        1,
        "the teapot alone costs that"
    );
    std::fs::write(&file, products.replace(teapot, "price = 1799")).expect("a new price");
    operator(
        &app,
        &mut recorder,
        "reloadCatalogue",
        Method::POST,
        "/api/catalogue/reload",
        200,
    )
    .await;
    let order = check_out(&app, &mut recorder, &path).await;
    deliver(&app, &mut recorder, &path, &order).await;
    prove(&app, &mut recorder, &path).await;
    others(&app).await;
    look_at_the_shop(&app, &mut recorder, &path.id).await;
    look_at_webhooks(&app, &mut recorder).await;
    recorder.into_json()
}

/// The cart of the story.
struct Cart {
    id: String,
    token: String,
}

impl Cart {
    fn call(&self, operation: &'static str, method: Method, below: &str) -> Call {
        let path = format!("/api/carts/{}{below}", self.id);
        Call::new(operation, method, path).token(&self.token)
    }
}

async fn shop(app: &TestApp, recorder: &mut Recorder) -> Cart {
    let get = |operation, path| Call::new(operation, Method::GET, path);
    recorder
        .record(app, get("listProducts", "/api/products?limit=2"), 200)
        .await;
    recorder
        .record(app, get("getProduct", "/api/products/teapot"), 200)
        .await;

    // Without a key: all who copied it would get the same cart.
    let opening = Call::new("openCart", Method::POST, "/api/carts")
        .body(json!({ "items": [{ "sku": "sencha", "quantity": 1 }] }));
    let opened = recorder.record(app, opening, 201).await.json();
    let cart = Cart {
        id: text(&opened["id"]).to_owned(),
        token: text(&opened["token"]).to_owned(),
    };
    let add = |quantity: u32| {
        let body = json!({ "sku": "teapot", "quantity": quantity });
        cart.call("addItem", Method::POST, "/items").body(body)
    };
    let first = add(2)
        .header("traceparent", TRACE)
        .header("X-Correlation-Id", CORRELATION);
    recorder.record(app, first, 201).await;
    recorder.record(app, add(1), 200).await;
    let set = cart.call("setQuantity", Method::PUT, "/items/teapot");
    recorder
        .record(app, set.body(json!({ "quantity": 2 })), 200)
        .await;
    recorder
        .record(
            app,
            cart.call("removeItem", Method::DELETE, "/items/sencha"),
            200,
        )
        .await;
    let undo = cart
        .call("undo", Method::POST, "/undo")
        .header("If-Match", "\"6\"");
    recorder.record(app, undo, 200).await;
    let apply = cart.call("applyPromotion", Method::PUT, "/promotion");
    recorder
        .record(app, apply.body(json!({ "code": "TEA10" })), 200)
        .await;

    let read = cart
        .call("getCart", Method::GET, "?min_version=8")
        .header("Prefer", "wait=5");
    let etag = recorder.record(app, read, 200).await.version();
    let again = cart
        .call("getCart", Method::GET, "")
        .header("If-None-Match", format!("\"{etag}\""));
    recorder.record(app, again, 304).await;
    read_history(app, recorder, &cart).await;
    cart
}

async fn read_history(app: &TestApp, recorder: &mut Recorder, cart: &Cart) {
    let events = |query: &str| cart.call("listCartEvents", Method::GET, &format!("/events{query}"));
    recorder.record(app, events("?limit=2"), 200).await;
    let batch = "application/cloudevents-batch+json";
    recorder
        .record(app, events("?limit=1").header("Accept", batch), 200)
        .await;
    let stream = events("").header("Last-Event-ID", "7");
    recorder.record_stream(app, stream, 1).await;
    recorder
        .record(
            app,
            cart.call("getTimeline", Method::GET, "/timeline?limit=2"),
            200,
        )
        .await;
    recorder
        .record(app, cart.call("getWhy", Method::GET, "/why"), 200)
        .await;
    let full = app.cart(&cart.id, &cart.token).add("tea-bowl", 3);
    full.await.expect(422);
    recorder
        .record(
            app,
            cart.call("listRefusals", Method::GET, "/refusals"),
            200,
        )
        .await;
    let what_if = cart.call("supposeWithout", Method::POST, "/what-if");
    recorder
        .record(
            app,
            what_if.body(json!({
                "without": [5],
                "changes": [
                    { "change": "set_quantity", "version": 3, "quantity": 4 },
                    { "change": "add_item", "after": 3, "sku": "tea-bowl", "quantity": 2 },
                    { "change": "apply_promotion", "after": 4, "code": "TEA1O" },
                ],
            })),
            200,
        )
        .await;
    let share = cart.call("shareCart", Method::POST, "/shares");
    let shared = recorder.record(app, share.body(json!({ "version": 8 })), 201);
    let path = format!("/api/shared/{}", text(&shared.await.json()["token"]));
    recorder
        .record(app, Call::new("getSharedCart", Method::GET, path), 200)
        .await;
}

/// The price of the teapot has changed since it was added.
async fn check_out(app: &TestApp, recorder: &mut Recorder, cart: &Cart) -> String {
    recorder
        .record(app, cart.call("getNotices", Method::GET, "/notices"), 200)
        .await;
    recorder
        .record(
            app,
            cart.call("removePromotion", Method::DELETE, "/promotion"),
            200,
        )
        .await;
    recorder
        .record(app, cart.call("clearCart", Method::DELETE, "/items"), 200)
        .await;
    let client = app.cart(&cart.id, &cart.token);
    let back = client.undo(11).await.expect(200).json();
    let total = back["total"].as_i64().expect("a total");
    let order = cart
        .call("checkOut", Method::POST, "/checkout")
        .header("If-Match", format!("\"{}\"", back["version"]))
        .header("Idempotency-Key", CHECKOUT_KEY)
        .body(json!({ "expected_total": total }));
    let ordered = recorder.record(app, order, 201).await;
    client.get_at_least(ordered.version()).await.expect(200);
    text(&ordered.json()["order_id"]).to_owned()
}

/// The order, which the warehouse reserves.
async fn deliver(app: &TestApp, recorder: &mut Recorder, cart: &Cart, order: &str) {
    let path = format!("/api/orders/{order}");
    let get = |operation, below: &str| {
        Call::new(operation, Method::GET, format!("{path}{below}")).token(&cart.token)
    };
    recorder.record(app, get("getOrder", ""), 200).await;
    let answer = Call::new("answerOrder", Method::POST, format!("{path}/reservation"));
    let answer = answer
        .token(WAREHOUSE)
        .body(json!({ "outcome": "reserved" }));
    recorder.record(app, answer, 200).await;
    let confirmed = async {
        while app.get(&path).token(&cart.token).await.expect(200).json()["status"] != "confirmed" {}
    };
    let in_time = tokio::time::timeout(PATIENCE, confirmed).await;
    in_time.expect("the order is confirmed");
    recorder
        .record(app, get("listOrderEvents", "/events?limit=2"), 200)
        .await;
    let batch = get("listOrderEvents", "/events?limit=1");
    let batch = batch.header("Accept", "application/cloudevents-batch+json");
    recorder.record(app, batch, 200).await;
    let stream = get("listOrderEvents", "/events?after=2");
    recorder.record_stream(app, stream, 1).await;
    recorder.record(app, get("getOrderWhy", "/why"), 200).await;
}

/// What the newest checkpoint of the log says, once it covers the cart.
async fn prove(app: &TestApp, recorder: &mut Recorder, cart: &Cart) {
    let path = format!("/api/carts/{}/events/2/proof", cart.id);
    let signed = async || app.get(&path).token(&cart.token).await.status == 200;
    let signed = async { while !signed().await {} };
    let in_time = tokio::time::timeout(PATIENCE, signed).await;
    in_time.expect("a checkpoint covers the cart");
    let proof = cart.call("proveCartEvent", Method::GET, "/events/2/proof");
    recorder.record(app, proof, 200).await;
    for (operation, path) in [
        ("getCheckpoint", "/log/checkpoint"),
        ("getVerifierKey", "/log/key"),
        ("proveConsistency", "/log/proof/consistency?from=1&to=2"),
    ] {
        let call = Call::new(operation, Method::GET, path);
        recorder.record(app, call, 200).await;
    }
}

/// Other shoppers, without whom there would be nothing to compare.
async fn others(app: &ApiClient) {
    let items: [&[(&str, u32)]; 2] = [&[("teapot", 1), ("sencha", 2)], &[("teapot", 1)]];
    for (number, items) in items.into_iter().enumerate() {
        let cart = app.open_cart_with(items).await;
        let now = cart.get().await.expect(200);
        let total = now.json()["total"].as_i64().expect("a total");
        let key = format!("order-{number}");
        let order = cart.check_out(now.version(), total, &key).await.expect(201);
        cart.get_at_least(order.version()).await.expect(200);
        // Placed before anything else happens, so that the story has one order of events.
        let placed = format!("/api/orders/{}", text(&order.json()["order_id"]));
        app.get(&placed).token(&cart.token).await.expect(200);
    }
    let left = app
        .open_cart_with(&[("sencha", 2), ("stoneware-mug", 1)])
        .await;
    left.remove("sencha").await.expect(200);
    left.get_at_least(4).await.expect(200);
}
