//! Products, commands and events for these tests, and [`Story`], a cart with its history.

use cartlog::cart::document::CartDocument;
use cartlog::cart::event::{CartCheckedOut, CartExpired, CartOpened, PromotionRemoved, Units};
use cartlog::cart::{
    Cart, CartCommand, CartEvent, CartModel, Currency, Limits, Money, Offer, Offers, Promotion,
    PromotionOffer, Refusal, RequestedItem, Sku, Terms,
};
use cartlog::decider::{Decider, DecodedEvent};
use cartlog::timestamp::Timestamp;
use serde_json::Value;
use uuid::Uuid;

pub const CART: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
pub const ORDER: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002);
pub const TOKEN_HASH: [u8; 32] = [7; 32];

pub fn money(minor: i64) -> Money {
    Money::from_minor(minor)
}

pub fn sku(text: &str) -> Sku {
    Sku::parse(text).expect("a well-formed sku")
}

/// An offer of `name` at `price` without a product limit.
pub fn offer(name: &str, price: i64) -> Offer {
    Offer {
        sku: sku(name),
        name: name.to_uppercase().into(),
        unit_price: money(price),
        currency: Currency::EUR,
        max_per_cart: None,
    }
}

pub fn units(name: &str, quantity: u32, price: i64) -> Units {
    Units {
        sku: sku(name),
        name: name.to_uppercase().into(),
        quantity,
        unit_price: money(price),
    }
}

pub fn promotion(code: &str, terms: Terms) -> Promotion {
    Promotion {
        code: code.into(),
        description: format!("{code} for all"),
        terms,
    }
}

pub fn tenth_off() -> Promotion {
    promotion("TENTH", Terms::Percent(10))
}

pub fn five_off() -> Promotion {
    promotion("FIVE", Terms::Amount(money(500)))
}

pub fn opened() -> CartEvent {
    CartEvent::CartOpened(CartOpened {
        currency: Currency::EUR,
        token_hash: TOKEN_HASH,
    })
}

pub fn added(name: &str, quantity: u32, price: i64) -> CartEvent {
    CartEvent::ItemAdded(units(name, quantity, price))
}

pub fn removed(name: &str, quantity: u32, price: i64) -> CartEvent {
    CartEvent::ItemRemoved(units(name, quantity, price))
}

pub fn applied(promotion: Promotion) -> CartEvent {
    CartEvent::PromotionApplied(promotion)
}

pub fn promotion_removed(code: &str) -> CartEvent {
    CartEvent::PromotionRemoved(PromotionRemoved { code: code.into() })
}

pub fn checked_out(items_total: i64, discount: i64) -> CartEvent {
    CartEvent::CartCheckedOut(CartCheckedOut {
        order_id: ORDER,
        items_total: money(items_total),
        discount: money(discount),
        total: money(items_total - discount),
        withdrawn: None,
        order_follows: false,
    })
}

pub fn expired(idle_since: Timestamp) -> CartEvent {
    CartEvent::CartExpired(CartExpired { idle_since })
}

fn offered((offer, quantity): (Offer, u32)) -> RequestedItem {
    RequestedItem::offered(offer, quantity)
}

/// Units of a product that the shop does not sell.
pub fn not_sold(sku: &Sku, quantity: u32) -> RequestedItem {
    RequestedItem {
        sku: sku.clone(),
        quantity,
        offer: None,
    }
}

pub fn apply(promotion: Promotion) -> CartCommand {
    CartCommand::ApplyPromotion {
        promotion: Some(PromotionOffer {
            promotion,
            currency: Currency::EUR,
        }),
    }
}

pub fn open(items: &[(Offer, u32)]) -> CartCommand {
    CartCommand::OpenCart {
        currency: Currency::EUR,
        token_hash: TOKEN_HASH,
        items: items.iter().cloned().map(offered).collect(),
    }
}

pub fn add(offer: Offer, quantity: u32) -> CartCommand {
    CartCommand::AddItem(RequestedItem::offered(offer, quantity))
}

pub fn set(offer: Offer, quantity: u32) -> CartCommand {
    CartCommand::SetQuantity(RequestedItem::offered(offer, quantity))
}

pub fn remove(name: &str) -> CartCommand {
    CartCommand::RemoveItem { sku: sku(name) }
}

pub fn check_out(expected_total: i64) -> CartCommand {
    CartCommand::Checkout {
        expected_total: money(expected_total),
        order_id: ORDER,
        offers: offers().into(),
    }
}

/// The shop with all products and promotions of these tests.
pub fn offers() -> Offers {
    let names = ["tea", "mug", "pot", "cup", "tin"];
    let promotions = [
        tenth_off(),
        five_off(),
        promotion("PERCENT", Terms::Percent(1)),
        promotion("AMOUNT", Terms::Amount(money(1))),
    ];
    let promotions = promotions.map(|promotion| PromotionOffer {
        promotion,
        currency: Currency::EUR,
    });
    Offers::new(names.map(|name| offer(name, 100)), promotions)
}

/// The time of the event with `version`; events are one second apart.
pub fn time(version: u64) -> Timestamp {
    Timestamp::from_millis(1_795_426_200_000 + 1_000 * i64::try_from(version).unwrap())
}

/// A cart with its history.
#[derive(Debug, Clone)]
pub struct Story {
    pub model: CartModel,
    pub cart: Cart,
    pub history: Vec<DecodedEvent<CartEvent>>,
    commands: u128,
}

impl Story {
    /// A cart without events, under `limits`.
    pub fn under(limits: Limits) -> Story {
        Story {
            model: CartModel {
                limits,
                ..CartModel::default()
            },
            cart: CartModel::initial(),
            history: Vec::new(),
            commands: 0,
        }
    }

    /// Decides `command` without recording its events.
    pub fn decide(&self, command: &CartCommand) -> Result<Vec<CartEvent>, Refusal> {
        self.model.decide(&self.cart, command)
    }

    /// Decides `command` and records its events.
    pub fn handle(&mut self, command: &CartCommand) -> Result<Vec<CartEvent>, Refusal> {
        let events = self.decide(command)?;
        self.record(command.name(), &events);
        Ok(events)
    }

    /// Records `events` as written by one command called `command`.
    pub fn record(&mut self, command: &str, events: &[CartEvent]) {
        self.commands += 1;
        for event in events {
            let version = self.history.len() as u64 + 1;
            let decoded = DecodedEvent {
                version,
                at: time(version),
                command: command.to_owned(),
                command_id: Uuid::from_u128(self.commands),
                event: event.clone(),
            };
            CartModel::evolve(&mut self.cart, &decoded.event, &decoded.context());
            self.history.push(decoded);
        }
    }

    /// The cart's document.
    pub fn document(&self) -> Value {
        document(&self.cart)
    }

    /// The cart's document without version and time of the last change.
    pub fn contents(&self) -> Value {
        let mut document = self.document();
        let fields = document.as_object_mut().expect("an opened cart");
        fields.remove("version");
        fields.remove("changed_at");
        document
    }
}

/// The document of `cart`; null before it is opened.
pub fn document(cart: &Cart) -> Value {
    let document = CartDocument::of(CART, cart);
    document.map_or(Value::Null, |document| {
        serde_json::from_slice(&document.to_json()).expect("a document is JSON")
    })
}

/// A cart with `events`, each written by its own command.
pub fn given(events: &[CartEvent]) -> Story {
    given_under(Limits::MOST, events)
}

/// A cart with `events` under `limits`.
pub fn given_under(limits: Limits, events: &[CartEvent]) -> Story {
    let mut story = Story::under(limits);
    for event in events {
        let command = match event {
            CartEvent::CartOpened(_) => "open_cart",
            CartEvent::ItemAdded(_) => "add_item",
            CartEvent::ItemRemoved(_) => "remove_item",
            CartEvent::PromotionApplied(_) => "apply_promotion",
            CartEvent::PromotionRemoved(_) => "remove_promotion",
            CartEvent::CartCheckedOut(_) => "checkout",
            CartEvent::CartExpired(_) => "expire",
        };
        story.record(command, std::slice::from_ref(event));
    }
    story
}

impl Story {
    /// Executes `command`, which must not be refused.
    #[track_caller]
    pub fn and(mut self, command: &CartCommand) -> Story {
        self.handle(command).expect("the command is accepted");
        self
    }

    pub fn when(&self, command: &CartCommand) -> Decided {
        Decided(self.decide(command))
    }
}

/// The outcome of `decide`.
#[derive(Debug)]
pub struct Decided(Result<Vec<CartEvent>, Refusal>);

impl Decided {
    #[track_caller]
    pub fn then(self, events: &[CartEvent]) {
        assert_eq!(self.0.as_deref(), Ok(events));
    }

    #[track_caller]
    pub fn then_nothing(self) {
        self.then(&[]);
    }

    #[track_caller]
    pub fn then_refused(self, refusal: Refusal) {
        assert_eq!(self.0, Err(refusal));
    }
}
