//! `/api/webhooks`: the state of webhooks, and the carts that they have parked.

use crate::log::Position;
use crate::public_events::PublicType;
use crate::web::api::operator::Operator;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::body::{read_json, read_nothing};
use crate::web::http::decode::invalid;
use crate::web::http::page::{Page, PageQuery};
use crate::web::http::path::{CartId, no_query, query};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use crate::webhooks::{Activity, ParkedCart, WebhookHandle};
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at("/api/webhooks").get(Rate::Unlimited, list, describe_list),
        at("/api/webhooks/{name}/parked").get(Rate::Unlimited, list_parked, describe_list_parked),
        at("/api/webhooks/{name}/parked/{id}/retry").post(Rate::Unlimited, retry, describe_retry),
        at("/api/webhooks/{name}/parked/{id}/drop").post(
            Rate::Unlimited,
            drop_parked,
            describe_drop,
        ),
    ]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Webhooks")]
struct WebhooksDocument {
    /// In the order of the configuration.
    items: Vec<WebhookDocument>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Webhook")]
struct WebhookDocument {
    name: String,
    /// Where it sends to, without a query, which may contain secrets.
    url: String,
    types: Vec<PublicType>,
    state: Activity,
    /// Up to this position everything is delivered, parked or dropped.
    position: Position,
    /// Age of the oldest event that is neither delivered nor parked; 0 without one.
    lag_ms: u64,
    /// Carts that wait for the operator.
    parked_carts: usize,
    /// The last failure, until a delivery succeeds.
    last_error: Option<String>,
}

async fn list(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let mut items = Vec::new();
    for webhook in &state.webhooks {
        items.push(document(webhook).await?);
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(WebhooksDocument { items }))
}

async fn document(webhook: &WebhookHandle) -> Result<WebhookDocument, Problem> {
    let status = webhook.status().await.map_err(Problem::internal)?;
    let settings = &webhook.settings;
    let mut url = settings.target.url().clone();
    url.set_query(None);
    Ok(WebhookDocument {
        name: settings.name.clone(),
        url: url.into(),
        types: settings.types.clone(),
        state: status.activity,
        position: status.position,
        lag_ms: u64::try_from(status.lag.as_millis()).unwrap_or(u64::MAX),
        parked_carts: status.parked_carts,
        last_error: status.last_error,
    })
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "listWebhooks", "List webhooks")
        .description("The receivers of public events that are configured, and how far each is.")
        .requires_operator()
        .responds(StatusCode::OK, "The webhooks.")
        .json::<WebhooksDocument>()
        .with_headers(&[Header::CacheControl])
}

/// The webhook in the path.
fn webhook<'a>(request: &HttpRequest, state: &'a AppState) -> Result<&'a WebhookHandle, Problem> {
    let name = request.match_info().query("name");
    let mut webhooks = state.webhooks.iter();
    let found = webhooks.find(|webhook| webhook.settings.name == name);
    found.ok_or_else(Problem::not_found)
}

async fn list_parked(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let query: PageQuery = query(&request)?;
    let limit = query.limit()?;
    let webhook = webhook(&request, &state)?;
    let list = format!("parked carts of {}", webhook.settings.name);
    let cursor = query.cursor.as_deref();
    let start = cursor.map(|cursor| state.cursors.place_of::<16>(&list, cursor));
    let start = Uuid::from_bytes(start.transpose()?.unwrap_or_default());
    let parked = webhook.parked().await.map_err(Problem::internal)?;
    let mut parked = parked.into_iter().filter(|parked| parked.cart_id >= start);
    let items = parked.by_ref().take(limit).collect();
    let next = parked.next();
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Page::<ParkedCart> {
            items,
            next: next.map(|parked| state.cursors.cursor_of(&list, parked.cart_id.as_bytes())),
        }))
}

fn describe_list_parked(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "listParkedCarts", "List a webhook's parked carts")
        .description(
            "Carts of which a receiver keeps refusing an event, by id. Their later events wait, \
             and those of all other carts are delivered.",
        )
        .requires_operator()
        .query::<PageQuery>()
        .responds(StatusCode::OK, "A page of parked carts.")
        .json::<Page<ParkedCart>>()
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::NotFound])
}

async fn retry(
    request: HttpRequest,
    _: Operator,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    read_nothing(&request, payload).await?;
    let retried = webhook(&request, &state)?.retry(id.0).await;
    done(retried.map_err(Problem::internal)?)
}

fn describe_retry(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "retryParkedCart", "Retry a parked cart")
        .description("Delivers the cart's events again, from the first that was refused.")
        .requires_operator()
        .reads_body()
        .responds(StatusCode::NO_CONTENT, "The cart is no longer parked.")
        .problems(&[Kind::NotFound])
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DropParked {
    /// Why the events are given up; it is kept with them.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
}

async fn drop_parked(
    request: HttpRequest,
    _: Operator,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (DropParked { reason }, _) = read_json(&request, payload).await?;
    let length = reason.trim().chars().count();
    if !(1..=500).contains(&length) {
        return Err(invalid("/reason", "must have 1 to 500 characters"));
    }
    let dropped = webhook(&request, &state)?.drop_cart(id.0, reason).await;
    done(dropped.map_err(Problem::internal)?)
}

fn describe_drop(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "dropParkedCart", "Drop a parked cart's events")
        .description(
            "Gives up the parked events of the cart: they are never delivered. Later events of the \
             cart are delivered again. The reason is kept in `webhooks.db`.",
        )
        .requires_operator()
        .body::<DropParked>(true)
        .responds(StatusCode::NO_CONTENT, "The events are dropped.")
        .problems(&[Kind::NotFound])
}

fn done(was_parked: bool) -> Result<HttpResponse, Problem> {
    if was_parked {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(Problem::not_found())
    }
}
