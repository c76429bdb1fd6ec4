//! Receives events by webhook.

use crate::event::{Event, Short};
use crate::signature::Secret;
use crate::store::{Answer, Effect, Store};
use crate::{Failure, say};
use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

/// The largest event that is accepted, in bytes: an order has at most 100 products.
const MAX_BODY: usize = 4 << 20;

/// Receives events at `address` until the process is asked to end.
pub fn run(store: Arc<Store>, secret: Secret, address: SocketAddr) -> Result<(), Failure> {
    let listener = TcpListener::bind(address)
        .map_err(|error| format!("--listen {address} failed: {error}; choose a free port"))?;
    say(format_args!(
        "receives events at http://{}/events",
        listener.local_addr()?
    ));
    let (store, secret) = (Data::from(store), Data::new(secret));
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(store.clone())
                .app_data(secret.clone())
                .app_data(web::PayloadConfig::new(MAX_BODY))
                .route("/events", web::post().to(receive))
        });
        server.workers(1).listen(listener)?.run().await
    })?;
    Ok(())
}

/// Answers 2xx only when the event and its effects are on the disk: cartlog takes it for delivered
/// then. After any other answer it sends the event again.
async fn receive(
    request: HttpRequest,
    body: Bytes,
    store: Data<Store>,
    secret: Data<Secret>,
) -> HttpResponse {
    let header = |name| request.headers().get(name).and_then(|it| it.to_str().ok());
    let [id, timestamp, signature] = ["webhook-id", "webhook-timestamp", "webhook-signature"]
        .map(|name| header(name).unwrap_or_default());
    if let Err(reason) = secret.verify(id, timestamp, signature, &body) {
        return refuse(StatusCode::UNAUTHORIZED, &reason.to_string());
    }
    let event: Event = match serde_json::from_slice(&body) {
        Ok(event) => event,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &format!("no event: {error}")),
    };
    match web::block(move || store.receive(&[event], None)).await {
        Ok(Ok(effects)) => {
            effects.iter().for_each(tell);
            HttpResponse::NoContent().finish()
        }
        Ok(Err(error)) => refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!("the warehouse's file failed: {error}"),
        ),
        Err(_) => refuse(StatusCode::SERVICE_UNAVAILABLE, "the warehouse ends"),
    }
}

fn refuse(status: StatusCode, reason: &str) -> HttpResponse {
    say(format_args!("refused a request with {status}: {reason}"));
    HttpResponse::build(status).body(reason.to_owned())
}

/// Prints what an event did.
pub fn tell(effect: &Effect) {
    match effect {
        Effect::Repeated => say("an event came again: nothing to do"),
        Effect::Answered(order, Answer::Reserved) => {
            say(format_args!("order {}: reserved", Short(order)));
        }
        Effect::Answered(order, Answer::Refused { message, .. }) => {
            say(format_args!("order {}: refused: {message}", Short(order)));
        }
        Effect::NotAsked(order) => say(format_args!(
            "order {}: the shop confirms it without a warehouse (orders.confirm)",
            Short(order)
        )),
        Effect::Released(order, units, message) => say(format_args!(
            "order {}: cancelled, {units} units released: {message}",
            Short(order)
        )),
        Effect::Ignored => {}
    }
}
