//! The problem types: one list for responses, problem pages and the OpenAPI document.

use super::{Member, Presence};
use actix_web::http::StatusCode;

kinds! {
    InvalidBody {
        slug: "invalid-body", status: BAD_REQUEST, title: "Invalid body",
        meaning: "The request body is not a JSON object, or not the object that this endpoint \
                  expects: a field is missing, unknown, duplicated or of the wrong type. Numbers \
                  are integers without fraction, exponent or quotes.",
        remedy: "Fix the fields in `errors`. The same body will be rejected again.",
        members: [(Member::Errors, Presence::Sometimes)],
    }
    InvalidQuery {
        slug: "invalid-query", status: BAD_REQUEST, title: "Invalid query",
        meaning: "A query parameter is unknown, duplicated, of the wrong type or out of range, the \
                  cursor is invalid, or parameters are combined that exclude each other.",
        remedy: "Fix the query as `detail` says. Start a list again without a cursor.",
        members: [(Member::Max, Presence::Sometimes)],
    }
    InvalidHeader {
        slug: "invalid-header", status: BAD_REQUEST, title: "Invalid header",
        meaning: "A request header is duplicated or malformed.",
        remedy: "Fix the header named in `header`.",
        members: [(Member::Header, Presence::Always), (Member::Max, Presence::Sometimes)],
    }
    UnknownEventId {
        slug: "unknown-event-id", status: BAD_REQUEST, title: "Unknown event id",
        meaning: "A live stream was to resume after an event that the log does not have. The id is \
                  of another log, or the log was restored from a backup and has continued \
                  differently since.",
        remedy: "Discard what was received, load the events again and follow from the last one.",
        members: [(Member::Header, Presence::Sometimes), (Member::Max, Presence::Always)],
    }
    KeyRequired {
        slug: "idempotency-key-required", status: BAD_REQUEST, title: "Idempotency-Key required",
        meaning: "A checkout requires an `Idempotency-Key`, so that retrying it never orders \
                  twice.",
        remedy: "Generate a key, for example a UUID. Send it with the checkout and with every \
                 retry until you have the response.",
        members: [],
    }
    OperatorOnly {
        slug: "operator-only", status: UNAUTHORIZED, title: "Operator token required",
        meaning: "This endpoint requires the operator token, and the request does not have it.",
        remedy: "Send `Authorization: Bearer` with the operator token (`security.operator_token` \
                 in the configuration).",
        members: [],
    }
    WarehouseOnly {
        slug: "warehouse-only", status: UNAUTHORIZED, title: "Warehouse token required",
        meaning: "This endpoint requires the warehouse's token, and the request does not have it.",
        remedy: "Send `Authorization: Bearer` with the warehouse's token \
                 (`orders.warehouse_token` in the configuration).",
        members: [],
    }
    CrossSite {
        slug: "cross-site", status: FORBIDDEN, title: "Cross-site request",
        meaning: "The browser says that a page of another site sent this request. Other sites \
                  cannot change anything here.",
        remedy: "Send the request from a page of this service, or from a program.",
        members: [],
    }
    NotFound {
        slug: "not-found", status: NOT_FOUND, title: "Not found",
        meaning: "Nothing exists at this address, or you may not see it: an unknown cart and a \
                  missing or wrong token get the same response.",
        remedy: "Check the address and the cart's token.",
        members: [],
    }
    NoSuchLine {
        slug: "no-such-line", status: NOT_FOUND, title: "Product not in cart",
        meaning: "The cart has no units of the product to remove.",
        remedy: "Get the cart again; the product may have been removed already.",
        members: [(Member::Sku, Presence::Always)],
    }
    NoPromotion {
        slug: "no-promotion", status: NOT_FOUND, title: "No promotion to remove",
        meaning: "The cart has no promotion.",
        remedy: "Get the cart again; the promotion may have been removed already.",
        members: [],
    }
    NoSuchVersion {
        slug: "no-such-version", status: NOT_FOUND, title: "No such version",
        meaning: "The cart has not reached this version, or was not open yet at this time.",
        remedy: "Use a version from 1 to the one in the cart's `ETag`, or a later time.",
        members: [],
    }
    MethodNotAllowed {
        slug: "method-not-allowed", status: METHOD_NOT_ALLOWED, title: "Method not allowed",
        meaning: "This address does not support the request's method.",
        remedy: "Use a method listed in `Allow`.",
        members: [],
    }
    NotAcceptable {
        slug: "not-acceptable", status: NOT_ACCEPTABLE, title: "Not acceptable",
        meaning: "The response is not available in any media type that `Accept` allows.",
        remedy: "Accept one of `available`, or omit `Accept`.",
        members: [(Member::Available, Presence::Always)],
    }
    BodyTimeout {
        slug: "body-timeout", status: REQUEST_TIMEOUT, title: "Body timeout",
        meaning: "The request body did not arrive within five seconds. Nothing was changed, and \
                  the connection was closed.",
        remedy: "Send the request again with its body at once.",
        members: [],
    }
    CartClosed {
        slug: "cart-closed", status: CONFLICT, title: "Cart closed",
        meaning: "The cart is checked out and cannot change. It can still be read and explained.",
        remedy: "Open a new cart. The order of this one is `order_id`.",
        members: [(Member::OrderId, Presence::Always)],
    }
    CurrencyMismatch {
        slug: "currency-mismatch", status: CONFLICT, title: "Currency mismatch",
        meaning: "The offer is in `currency` and the cart in `cart_currency`: the shop has changed \
                  its currency, and a cart keeps its own. Nothing was changed.",
        remedy: "Open a new cart, which is in the shop's currency.",
        members: [(Member::Currency, Presence::Always), (Member::CartCurrency, Presence::Always)],
    }
    EmptyCart {
        slug: "empty-cart", status: CONFLICT, title: "Cart empty",
        meaning: "A cart without items cannot be checked out.",
        remedy: "Add an item first.",
        members: [],
    }
    NoLongerOffered {
        slug: "no-longer-offered", status: CONFLICT, title: "No longer offered",
        meaning: "The shop no longer offers some of the cart, or not in its currency: `notices`.",
        remedy: "Remove that, then check out. `GET /api/carts/{id}/notices` shows it before.",
        members: [(Member::Notices, Presence::Always)],
    }
    OrderSettled {
        slug: "order-settled", status: CONFLICT, title: "Order settled otherwise",
        meaning: "The order was cancelled, the warehouse gave the other answer before, or it was \
                  never asked. Nothing was changed.",
        remedy: "Release what was reserved for the order unless `GET /api/orders/{id}` shows \
                 that it is reserved or confirmed. The same answer will be refused again.",
        members: [],
    }
    TotalChanged {
        slug: "total-changed", status: CONFLICT, title: "Total changed",
        meaning: "The cart's total differs from the checkout's `expected_total`. Shoppers are only \
                  charged a total that they have seen.",
        remedy: "Show the shopper `total`. If they agree, check out again with it under a new \
                 `Idempotency-Key`.",
        members: [(Member::Total, Presence::Always)],
    }
    NothingToUndo {
        slug: "nothing-to-undo", status: CONFLICT, title: "Nothing to undo",
        meaning: "Every command that can be undone has been undone.",
        remedy: "Get the cart's events.",
        members: [],
    }
    AlreadyOpen {
        slug: "already-open", status: CONFLICT, title: "Cart already open",
        meaning: "A cart with this id was opened before.",
        remedy: "Use the existing cart, or open another under a new key.",
        members: [],
    }
    NotIdle {
        slug: "not-idle", status: CONFLICT, title: "Cart not idle",
        meaning: "The cart was about to expire, but it has changed since.",
        remedy: "No action needed.",
        members: [],
    }
    RebuildRunning {
        slug: "rebuild-running", status: CONFLICT, title: "Rebuild already running",
        meaning: "A rebuild of the views is running, and only one can run at a time. No second one \
                  was started.",
        remedy: "Follow the running one: `GET /api/views/rebuild`.",
        members: [],
    }
    VerifyRunning {
        slug: "verify-running", status: CONFLICT, title: "Verification already running",
        meaning: "A verification is running, and only one can run at a time. No second one was \
                  started.",
        remedy: "Follow the running one: `GET /api/verify`.",
        members: [],
    }
    NotCancelled {
        slug: "not-cancelled", status: CONFLICT, title: "Not cancelled",
        meaning: "No such job is running, or the service itself has started it and its views \
                  cannot serve without it. Nothing was changed.",
        remedy: "`GET /api/jobs` lists the last runs and how they ended.",
        members: [],
    }
    InvalidCatalogue {
        slug: "invalid-catalogue", status: CONFLICT, title: "Invalid catalogue",
        meaning: "The files of products and promotions cannot be read or have an invalid entry. \
                  The previous catalogue stays in use.",
        remedy: "Fix the file and the line in `detail`, and reload again.",
        members: [],
    }
    CartExpired {
        slug: "cart-expired", status: GONE, title: "Cart expired",
        meaning: "The cart was closed because it was inactive too long. It can still be read and \
                  explained.",
        remedy: "Open a new cart.",
        members: [],
    }
    VersionMismatch {
        slug: "version-mismatch", status: PRECONDITION_FAILED, title: "Version mismatch",
        meaning: "The cart is not at the version in `If-Match`: it has changed since the client \
                  read it. Nothing was changed.",
        remedy: "Get the cart, decide again, and retry with `If-Match` at `current_version`, which \
                 is also the response's `ETag`.",
        members: [(Member::CurrentVersion, Presence::Always)],
    }
    BodyTooLarge {
        slug: "body-too-large", status: PAYLOAD_TOO_LARGE, title: "Body too large",
        meaning: "A request body can have at most `max` bytes.",
        remedy: "Send less, or split it into several requests.",
        members: [(Member::Max, Presence::Always)],
    }
    AddressTooLong {
        slug: "address-too-long", status: URI_TOO_LONG, title: "Address too long",
        meaning: "Path and query together can have at most `max` bytes.",
        remedy: "Use a shorter address.",
        members: [(Member::Max, Presence::Always)],
    }
    UnsupportedMediaType {
        slug: "unsupported-media-type", status: UNSUPPORTED_MEDIA_TYPE,
        title: "Unsupported media type",
        meaning: "A body must be JSON in UTF-8 without `Content-Encoding`.",
        remedy: "Send it uncompressed as `Content-Type: application/json`.",
        members: [],
    }
    WrongHost {
        slug: "wrong-host", status: MISDIRECTED_REQUEST, title: "Wrong host",
        meaning: "The request's `Host` is not a name of this service, or a proxy serves a page \
                  under a path prefix. The check of the host prevents DNS rebinding.",
        remedy: "Use a name that the operator has configured (`server.hosts`), without a prefix. \
                 Only `/livez`, `/readyz` and, with an operator token, `/metrics` respond under \
                 any name.",
        members: [],
    }
    UnknownSku {
        slug: "unknown-sku", status: UNPROCESSABLE_ENTITY, title: "Unknown product",
        meaning: "The catalogue does not have this sku, or no longer has it.",
        remedy: "Use a sku from `/api/products`.",
        members: [(Member::Sku, Presence::Always)],
    }
    UnknownPromotion {
        slug: "unknown-promotion", status: UNPROCESSABLE_ENTITY, title: "Unknown promotion code",
        meaning: "No promotion has this code, or it is no longer offered.",
        remedy: "Check the code.",
        members: [],
    }
    QuantityLimit {
        slug: "quantity-limit", status: UNPROCESSABLE_ENTITY, title: "Quantity limit",
        meaning: "A cart holds at most `max` units of this product.",
        remedy: "Use a smaller quantity.",
        members: [(Member::Max, Presence::Always)],
    }
    LineLimit {
        slug: "line-limit", status: UNPROCESSABLE_ENTITY, title: "Line limit",
        meaning: "A cart holds at most `max` different products.",
        remedy: "Remove another product first, or open a second cart.",
        members: [(Member::Max, Presence::Always)],
    }
    TotalLimit {
        slug: "total-limit", status: UNPROCESSABLE_ENTITY, title: "Total limit",
        meaning: "The cart's total would exceed `max`, in minor units.",
        remedy: "Add less.",
        members: [(Member::Max, Presence::Always)],
    }
    HistoryLimit {
        slug: "history-limit", status: UNPROCESSABLE_ENTITY, title: "History limit",
        meaning: "A cart has at most `max` events. It can still be checked out.",
        remedy: "Check out, or continue in a new cart.",
        members: [(Member::Max, Presence::Always)],
    }
    KeyReused {
        slug: "idempotency-key-reused", status: UNPROCESSABLE_ENTITY,
        title: "Idempotency-Key reused",
        meaning: "The key was sent before with another method, path or body. Nothing was changed.",
        remedy: "Use a new key for each new request, and the same key only to retry the same \
                 request.",
        members: [],
    }
    GuessableKey {
        slug: "guessable-key", status: UNPROCESSABLE_ENTITY, title: "Guessable Idempotency-Key",
        meaning: "A retry of an opening returns the cart's token, so a client that guesses the \
                  key gets the cart. The key must have the form of 128 random bits. No cart was \
                  opened.",
        remedy: "Send a random UUID (version 4 or 7), or at least 32 random hexadecimal digits, \
                 and keep it for retries. Or send no key.",
        members: [],
    }
    CannotSetAside {
        slug: "cannot-set-aside", status: UNPROCESSABLE_ENTITY, title: "Cannot change these events",
        meaning: "A version does not exist in this cart, or is 1: without its opening there is no \
                  cart. Or an event gets a quantity that has none, or is changed twice.",
        remedy: "Use versions from 2 to `max`, as `detail` says. A product or a code can also be \
                 added after version 1.",
        members: [(Member::Max, Presence::Always)],
    }
    PreconditionRequired {
        slug: "precondition-required", status: PRECONDITION_REQUIRED, title: "If-Match required",
        meaning: "The effect of this command depends on what the shopper has seen, so it requires \
                  that version.",
        remedy: "Get the cart, and send its `ETag` as `If-Match`.",
        members: [],
    }
    TooManyStreams {
        slug: "too-many-streams", status: TOO_MANY_REQUESTS, title: "Too many live streams",
        meaning: "One client address can have at most `max` live streams open.",
        remedy: "Close one first. It can be resumed with `Last-Event-ID`.",
        members: [(Member::Max, Presence::Always)],
    }
    TooManyRequests {
        slug: "too-many-requests", status: TOO_MANY_REQUESTS, title: "Too many requests",
        meaning: "This client address has sent more commands, or reads of carts, than the `max` \
                  allowed per minute. Nothing was changed. A read of a cart's history, of a share \
                  or of related products counts as 20 reads, and a what-if as 200.",
        remedy: "Wait for `Retry-After` seconds. `RateLimit` shows how many requests remain.",
        members: [(Member::Max, Presence::Always)],
    }
    TooManyGuesses {
        slug: "too-many-guesses", status: TOO_MANY_REQUESTS, title: "Too many wrong tokens",
        meaning: "This client address has sent more than `max` wrong tokens of the operator, or of \
                  the warehouse, in a short time. No further one from it is compared for a while, \
                  not even the right one. Browsers that are signed in are not affected.",
        remedy: "Wait for `Retry-After` seconds, and send the token from the configuration \
                 (`security.operator_token` or `orders.warehouse_token`).",
        members: [(Member::Max, Presence::Always)],
    }
    HeadersTooLarge {
        slug: "headers-too-large", status: REQUEST_HEADER_FIELDS_TOO_LARGE,
        title: "Headers too large",
        meaning: "The request headers together can have at most `max` bytes.",
        remedy: "Send fewer or shorter headers; cookies are the usual cause.",
        members: [(Member::Max, Presence::Always)],
    }
    Internal {
        slug: "internal", status: INTERNAL_SERVER_ERROR, title: "Internal error",
        meaning: "The service failed. The cause is in its log.",
        remedy: "Report the `trace_id` to the operator.",
        members: [],
    }
    LogUnavailable {
        slug: "log-unavailable", status: SERVICE_UNAVAILABLE, title: "Log unavailable",
        meaning: "The log cannot be read or written, for example because the disk is full. Nothing \
                  was changed.",
        remedy: "Retry after `Retry-After` seconds. `/readyz` shows when the service has \
                 recovered.",
        members: [],
    }
    OutcomeUnknown {
        slug: "outcome-unknown", status: SERVICE_UNAVAILABLE, title: "Outcome unknown",
        meaning: "The disk, or the connection to a shared log, failed while the command was being \
                  written, so it may or may not have been committed. The service finds out.",
        remedy: "Retry under the same `Idempotency-Key`: the command takes effect once. Without a \
                 key, get the cart first.",
        members: [],
    }
    Overloaded {
        slug: "overloaded", status: SERVICE_UNAVAILABLE, title: "Overloaded",
        meaning: "The queue of commands, the number of live streams or the number of histories \
                  being read is at its limit. Nothing was changed.",
        remedy: "Retry after `Retry-After` seconds.",
        members: [],
    }
    ProofUnavailable {
        slug: "proof-unavailable", status: SERVICE_UNAVAILABLE, title: "Proof unavailable",
        meaning: "There is no signed checkpoint of the log yet that could answer this: the service \
                  has just started, or the event is newer than the newest checkpoint.",
        remedy: "Retry after `Retry-After` seconds.",
        members: [],
    }
    LogNotSigned {
        slug: "log-not-signed", status: SERVICE_UNAVAILABLE, title: "Log not signed",
        meaning: "The service refuses to sign its log: the log does not extend what was signed \
                  before, or there is no key for it.",
        remedy: "`detail` and `/readyz` have the reason. Only the operator can end it.",
        members: [],
    }
    ViewBehind {
        slug: "view-behind", status: SERVICE_UNAVAILABLE, title: "View behind",
        meaning: "The view did not reach the requested `min_version` within the wait that `Prefer` \
                  allows.",
        remedy: "Retry with a longer `Prefer: wait=`, up to five seconds. The command's own \
                 response already had the cart.",
        members: [],
    }
    ViewUnavailable {
        slug: "view-unavailable", status: SERVICE_UNAVAILABLE, title: "View unavailable",
        meaning: "The views cannot be read. Commands still work, and the log is complete.",
        remedy: "Retry after `Retry-After` seconds.",
        members: [],
    }
    NoRoom {
        slug: "no-room", status: INSUFFICIENT_STORAGE, title: "Not enough disk space",
        meaning: "A copy of the log would leave too little of the disk to the log.",
        remedy: "Make room as `detail` says, or run `cartlog backup` to another disk.",
        members: [],
    }
}
