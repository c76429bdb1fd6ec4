//! The types of problems: the one list that answers, their pages and the API's description share.

use super::{Member, Presence};
use actix_web::http::StatusCode;

macro_rules! kinds {
    ($($kind:ident {
        slug: $slug:literal, status: $status:ident, title: $title:literal,
        meaning: $meaning:literal,
        remedy: $remedy:literal,
        members: [$($member:expr),*],
    })+) => {
        /// The types of problems. Each says what it means and what can be done about it, or it does
        /// not compile.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind { $($kind),+ }

        impl Kind {
            /// All types, in the order of their statuses.
            pub const ALL: &'static [Kind] = &[$(Kind::$kind),+];

            /// The last part of the type's address, `/problems/<slug>`.
            pub fn slug(self) -> &'static str {
                match self { $(Kind::$kind => $slug),+ }
            }

            pub fn status(self) -> StatusCode {
                match self { $(Kind::$kind => StatusCode::$status),+ }
            }

            pub fn title(self) -> &'static str {
                match self { $(Kind::$kind => $title),+ }
            }

            /// What has happened, for whoever reads the type's page.
            pub fn meaning(self) -> &'static str {
                match self { $(Kind::$kind => $meaning),+ }
            }

            /// What the client can do.
            pub fn remedy(self) -> &'static str {
                match self { $(Kind::$kind => $remedy),+ }
            }

            /// What such a problem has for a program to act on, beside what every problem has.
            pub fn members(self) -> &'static [(Member, Presence)] {
                match self { $(Kind::$kind => &[$($member),*]),+ }
            }
        }
    };
}

kinds! {
    InvalidBody {
        slug: "invalid-body", status: BAD_REQUEST, title: "The body cannot be used",
        meaning: "The request's body is no JSON object, or not the one that is read here: a member is \
                  missing, unknown, twice there, or of another type. Numbers are whole, without a \
                  fraction, an exponent or quotes around them.",
        remedy: "Mend the body where `errors` points, and send it again. The same body will be \
                  refused again.",
        members: [(Member::Errors, Presence::Sometimes)],
    }
    InvalidQuery {
        slug: "invalid-query", status: BAD_REQUEST, title: "The query cannot be used",
        meaning: "A parameter of the query is unknown, twice there, of another type, or outside its \
                  bounds; or the cursor is none that this list has given; or parameters are combined \
                  that exclude each other.",
        remedy: "Mend the query as `detail` says. A list is begun again without a cursor.",
        members: [(Member::Max, Presence::Sometimes)],
    }
    InvalidHeader {
        slug: "invalid-header", status: BAD_REQUEST, title: "A header cannot be used",
        meaning: "A header that has a meaning here is there twice, or is not of the form that it has \
                  to have.",
        remedy: "Mend the header that `header` names.",
        members: [(Member::Header, Presence::Always), (Member::Max, Presence::Sometimes)],
    }
    KeyRequired {
        slug: "idempotency-key-required", status: BAD_REQUEST, title: "An Idempotency-Key is needed",
        meaning: "A checkout came without an `Idempotency-Key`. With one, repeating it never orders \
                  twice.",
        remedy: "Draw a key, such as a UUID, keep it until you have the answer, and send it with the \
                  checkout and with every repetition of it.",
        members: [],
    }
    OperatorOnly {
        slug: "operator-only", status: UNAUTHORIZED, title: "The operator's token is needed",
        meaning: "The route is the operator's, and the request does not bring the operator's token of \
                  the service's configuration.",
        remedy: "Send `Authorization: Bearer` with the operator's token (`security.operator_token` in \
                  the configuration).",
        members: [],
    }
    CrossSite {
        slug: "cross-site", status: FORBIDDEN, title: "The request comes from another site",
        meaning: "A browser says that a page of another site sends this request. Such a page may read \
                  what is public, and change nothing.",
        remedy: "Send it from a page of this service, or from a program.",
        members: [],
    }
    NotFound {
        slug: "not-found", status: NOT_FOUND, title: "There is nothing here",
        meaning: "There is nothing at this address, or nothing that you may see: an unknown cart and \
                  one whose token is missing or wrong get the same answer.",
        remedy: "Check the address, and that the request brings the token of this very cart.",
        members: [],
    }
    NoSuchLine {
        slug: "no-such-line", status: NOT_FOUND, title: "The cart has no such line",
        meaning: "The cart has no units of the product that was to be taken out.",
        remedy: "Look at the cart again. There may be nothing left to do.",
        members: [(Member::Sku, Presence::Always)],
    }
    NoPromotion {
        slug: "no-promotion", status: NOT_FOUND, title: "The cart has no promotion",
        meaning: "A promotion was to be taken off, and the cart has none.",
        remedy: "Look at the cart again. There may be nothing left to do.",
        members: [],
    }
    NoSuchVersion {
        slug: "no-such-version", status: NOT_FOUND, title: "The cart has no such version",
        meaning: "The cart has not come to that version, or was not open yet at that time.",
        remedy: "Ask for a version from 1 to the one in the cart's `ETag`, or for a later time.",
        members: [],
    }
    MethodNotAllowed {
        slug: "method-not-allowed", status: METHOD_NOT_ALLOWED, title: "The method is not allowed here",
        meaning: "There is something at this address, but not for this method.",
        remedy: "Use one of the methods that the answer's `Allow` names.",
        members: [],
    }
    NotAcceptable {
        slug: "not-acceptable", status: NOT_ACCEPTABLE, title: "No answer of an accepted type",
        meaning: "The answer comes in none of the types that the request's `Accept` names.",
        remedy: "Ask for one of `available`, or leave `Accept` out.",
        members: [(Member::Available, Presence::Always)],
    }
    BodyTimeout {
        slug: "body-timeout", status: REQUEST_TIMEOUT, title: "The body did not arrive in time",
        meaning: "The request's body was not here within five seconds. Nothing was changed, and the \
                  connection ends.",
        remedy: "Send the request again, its body in one go.",
        members: [],
    }
    CartClosed {
        slug: "cart-closed", status: CONFLICT, title: "The cart is closed",
        meaning: "The cart is checked out. It stays as it is for good; it can be read, and explained.",
        remedy: "Open a new cart. The order of this one is `order_id`.",
        members: [(Member::OrderId, Presence::Always)],
    }
    EmptyCart {
        slug: "empty-cart", status: CONFLICT, title: "The cart is empty",
        meaning: "A cart without lines cannot be checked out.",
        remedy: "Add something first.",
        members: [],
    }
    TotalChanged {
        slug: "total-changed", status: CONFLICT, title: "The total has changed",
        meaning: "The cart's total is not the `expected_total` of the checkout. Nobody is charged what \
                  they have not seen.",
        remedy: "Show the shopper `total`, and check out again with it, under a new `Idempotency- \
                  Key`, once they agree.",
        members: [(Member::Total, Presence::Always)],
    }
    NothingToUndo {
        slug: "nothing-to-undo", status: CONFLICT, title: "There is nothing to undo",
        meaning: "Every command that can be undone is undone already.",
        remedy: "Look at the cart's events.",
        members: [],
    }
    AlreadyOpen {
        slug: "already-open", status: CONFLICT, title: "The cart is open already",
        meaning: "A cart of this id was opened before.",
        remedy: "Use the cart that is there, or open another under another key.",
        members: [],
    }
    NotIdle {
        slug: "not-idle", status: CONFLICT, title: "The cart is not idle",
        meaning: "The cart was to expire, and something has happened in it in the meantime.",
        remedy: "Nothing has to be done.",
        members: [],
    }
    RebuildRunning {
        slug: "rebuild-running", status: CONFLICT, title: "The views are being rebuilt already",
        meaning: "A rebuild of the views is running. There is one at a time, and nothing was started.",
        remedy: "Watch the one that runs: `GET /api/views/rebuild` says how far it is.",
        members: [],
    }
    VerifyRunning {
        slug: "verify-running", status: CONFLICT, title: "Log and views are being verified already",
        meaning: "A verification is running. There is one at a time, and nothing was started.",
        remedy: "Watch the one that runs: `GET /api/verify` says how far it is.",
        members: [],
    }
    CartExpired {
        slug: "cart-expired", status: GONE, title: "The cart has expired",
        meaning: "Nothing happened in the cart for so long that the service closed it. It can be read, \
                  and explained.",
        remedy: "Open a new cart.",
        members: [],
    }
    VersionMismatch {
        slug: "version-mismatch", status: PRECONDITION_FAILED, title: "The cart is at another version",
        meaning: "The cart is not at the version that `If-Match` asks for: something has happened in \
                  it that the sender has not seen. Nothing was changed.",
        remedy: "Get the cart again, decide again, and repeat with `If-Match` at `current_version`, \
                  which is also the answer's `ETag`.",
        members: [(Member::CurrentVersion, Presence::Always)],
    }
    BodyTooLarge {
        slug: "body-too-large", status: PAYLOAD_TOO_LARGE, title: "The body is too large",
        meaning: "A request's body has at most `max` bytes.",
        remedy: "Send less: several requests, if need be.",
        members: [(Member::Max, Presence::Always)],
    }
    AddressTooLong {
        slug: "address-too-long", status: URI_TOO_LONG, title: "The address is too long",
        meaning: "The request's path and query have together at most `max` bytes.",
        remedy: "Send a shorter one.",
        members: [(Member::Max, Presence::Always)],
    }
    UnsupportedMediaType {
        slug: "unsupported-media-type", status: UNSUPPORTED_MEDIA_TYPE, title: "The body's type is not supported",
        meaning: "A body is JSON in UTF-8, sent as it is: without another `Content-Type`, another \
                  charset, or a `Content-Encoding`.",
        remedy: "Send it as `Content-Type: application/json`, not compressed.",
        members: [],
    }
    WrongHost {
        slug: "wrong-host", status: MISDIRECTED_REQUEST, title: "The request is for another host",
        meaning: "The request's `Host` is none of the names of this service. That keeps a page \
                  elsewhere from reaching it under a name of its own (DNS rebinding).",
        remedy: "Use a name that the operator has configured (`server.hosts`).",
        members: [],
    }
    UnknownSku {
        slug: "unknown-sku", status: UNPROCESSABLE_ENTITY, title: "The shop has no such product",
        meaning: "The catalogue has no product of this sku, or has it no longer.",
        remedy: "Take a sku from `/api/products`.",
        members: [(Member::Sku, Presence::Always)],
    }
    UnknownPromotion {
        slug: "unknown-promotion", status: UNPROCESSABLE_ENTITY, title: "The shop has no such promotion",
        meaning: "No promotion has this code, or none has it any longer.",
        remedy: "Check the code's letters and digits.",
        members: [],
    }
    QuantityLimit {
        slug: "quantity-limit", status: UNPROCESSABLE_ENTITY, title: "Too many units of one product",
        meaning: "A cart holds at most `max` units of this product.",
        remedy: "Ask for fewer.",
        members: [(Member::Max, Presence::Always)],
    }
    LineLimit {
        slug: "line-limit", status: UNPROCESSABLE_ENTITY, title: "Too many different products",
        meaning: "A cart holds at most `max` different products.",
        remedy: "Take another product out first, or open a second cart.",
        members: [(Member::Max, Presence::Always)],
    }
    TotalLimit {
        slug: "total-limit", status: UNPROCESSABLE_ENTITY, title: "The total would be too large",
        meaning: "The cart's total would be larger than can be counted: `max`, in minor units.",
        remedy: "Add less.",
        members: [(Member::Max, Presence::Always)],
    }
    HistoryLimit {
        slug: "history-limit", status: UNPROCESSABLE_ENTITY, title: "The cart's history is full",
        meaning: "A cart has at most `max` events. A checkout is still possible.",
        remedy: "Check out, or go on in a new cart.",
        members: [(Member::Max, Presence::Always)],
    }
    KeyReused {
        slug: "idempotency-key-reused", status: UNPROCESSABLE_ENTITY, title: "The Idempotency-Key was used for another request",
        meaning: "The key came with another method, path or body before. Nothing was changed.",
        remedy: "Use a new key for a new request, and the same key for repeating the same one alone.",
        members: [],
    }
    CannotSetAside {
        slug: "cannot-set-aside", status: UNPROCESSABLE_ENTITY, title: "These events cannot be set aside",
        meaning: "One of the versions is none of the cart's, or is the first: without its opening \
                  there is no cart.",
        remedy: "Name versions from 2 to `max`.",
        members: [(Member::Max, Presence::Always)],
    }
    PreconditionRequired {
        slug: "precondition-required", status: PRECONDITION_REQUIRED, title: "An If-Match is needed",
        meaning: "What this command does depends on what the shopper has seen, so it has to say at \
                  which version that was.",
        remedy: "Get the cart, and send `If-Match` with its `ETag`.",
        members: [],
    }
    TooManyStreams {
        slug: "too-many-streams", status: TOO_MANY_REQUESTS, title: "Too many live streams are open",
        meaning: "One client's address has at most `max` live streams open at once.",
        remedy: "Close one first. It can be resumed later by `Last-Event-ID`.",
        members: [(Member::Max, Presence::Always)],
    }
    TooManyRequests {
        slug: "too-many-requests", status: TOO_MANY_REQUESTS, title: "Too many requests in a short time",
        meaning: "One client's address has sent more commands than the `max` a minute that are \
                  allowed. Nothing was changed.",
        remedy: "Wait for as many seconds as `Retry-After` says. `RateLimit` tells beforehand how \
                  many are left.",
        members: [(Member::Max, Presence::Always)],
    }
    HeadersTooLarge {
        slug: "headers-too-large", status: REQUEST_HEADER_FIELDS_TOO_LARGE, title: "The headers are too large",
        meaning: "A request's headers have together at most `max` bytes.",
        remedy: "Send fewer or shorter headers: cookies are the usual cause.",
        members: [(Member::Max, Presence::Always)],
    }
    Internal {
        slug: "internal", status: INTERNAL_SERVER_ERROR, title: "Something is wrong inside the service",
        meaning: "The service has failed at something that it should be able to do. Its own log says \
                  what.",
        remedy: "Tell the operator the `trace_id`.",
        members: [],
    }
    LogUnavailable {
        slug: "log-unavailable", status: SERVICE_UNAVAILABLE, title: "The log takes no events now",
        meaning: "The log cannot be written or read at the moment: a full disk, perhaps. Nothing was \
                  changed.",
        remedy: "Try again after as many seconds as `Retry-After` says. `/readyz` says when the \
                  service is well again.",
        members: [],
    }
    OutcomeUnknown {
        slug: "outcome-unknown", status: SERVICE_UNAVAILABLE, title: "It is not known whether the command was carried out",
        meaning: "The disk failed while the command was written, so that it may be there or not. The \
                  service starts again and finds out what is true.",
        remedy: "Repeat the request under the same `Idempotency-Key`: it takes effect once. Without a \
                  key, look at the cart first.",
        members: [],
    }
    Overloaded {
        slug: "overloaded", status: SERVICE_UNAVAILABLE, title: "Too much to do",
        meaning: "More commands are waiting, or more live streams are open, than the service takes on. \
                  Nothing was changed.",
        remedy: "Try again after as many seconds as `Retry-After` says.",
        members: [],
    }
    ViewBehind {
        slug: "view-behind", status: SERVICE_UNAVAILABLE, title: "The view is not there yet",
        meaning: "The view has not reached the `min_version` that was asked for in the time that the \
                  request wanted to wait.",
        remedy: "Ask again, with a longer `Prefer: wait=`, up to five seconds. The command's own \
                  answer had the cart already.",
        members: [],
    }
    ViewUnavailable {
        slug: "view-unavailable", status: SERVICE_UNAVAILABLE, title: "The view cannot be read now",
        meaning: "The file of the views cannot be read at the moment. Commands are not touched by it, \
                  and the log has everything.",
        remedy: "Try again after as many seconds as `Retry-After` says.",
        members: [],
    }
}

impl Kind {
    /// The type's address, which is also its page.
    pub fn address(self) -> String {
        format!("/problems/{}", self.slug())
    }
}
