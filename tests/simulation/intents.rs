//! What shoppers want.

use cartlog::cart::{
    Cart, CartCommand, CartModel, Currency, Limits, Money, Offer, Offers, Promotion,
    PromotionOffer, RequestedItem, Sku, Terms, WithdrawnAtCheckout,
};
use cartlog::commands::{CommandContext, Condition, IdempotencyKey, KeyDigests};
use cartlog::history::StoredDigest;
use cartlog::log::Version;
use cartlog_testkit::seed::Dice;
use std::rc::Rc;
use std::sync::Arc;
use uuid::Uuid;

pub type Key = StoredDigest;

/// Small enough that carts meet them.
pub const MODEL: CartModel = CartModel {
    limits: Limits {
        lines: 3,
        units: 9,
        events: 30,
    },
    withdrawn: WithdrawnAtCheckout::Refuse,
    order_follows: false,
};

/// What a shopper wants once, however often it is sent.
#[derive(Debug)]
pub struct Intent {
    pub cart: Uuid,
    pub wish: Wish,
    pub key: Option<Key>,
    /// Tells its request from others under the same key.
    pub request: u64,
    pub if_match: Option<Condition>,
    /// Whether the sender has the cart's token.
    pub honest: bool,
}

#[derive(Debug, Clone)]
pub enum Wish {
    /// Sent the same each time.
    Command(CartCommand),
    /// Under a new order each time.
    Checkout(Money),
}

/// One time that an intent is sent.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub intent: Rc<Intent>,
    pub command_id: Uuid,
    pub command: CartCommand,
}

impl Intent {
    /// Sends it as `command_id`.
    pub fn attempt(self: &Rc<Self>, command_id: Uuid) -> Attempt {
        let command = match &self.wish {
            Wish::Command(command) => command.clone(),
            Wish::Checkout(expected_total) => CartCommand::Checkout {
                expected_total: *expected_total,
                order_id: command_id,
                offers: all_offers(),
            },
        };
        Attempt {
            intent: self.clone(),
            command_id,
            command,
        }
    }

    /// Whether its sender may touch `cart`.
    pub fn may(&self, cart: &Cart) -> bool {
        let opens = matches!(self.wish, Wish::Command(CartCommand::OpenCart { .. }));
        opens || self.honest && cart.contents().is_some()
    }
}

impl Attempt {
    pub fn context(&self) -> CommandContext {
        CommandContext {
            command: self.command.name(),
            command_id: self.command_id,
            actor: "shopper",
            correlation_id: None,
            trace_id: None,
            span: None,
            cause: None,
            key: self.intent.key.map(|key| {
                let request = self.request();
                let digests = KeyDigests { key, request };
                IdempotencyKey {
                    keyed: digests,
                    unkeyed: digests,
                }
            }),
            if_match: self.intent.if_match.clone(),
            recorded_at: None,
        }
    }

    /// Without the time that an expiry has in it, which is another one each time.
    pub fn in_short(&self) -> String {
        let command = match &self.command {
            CartCommand::Expire { .. } => "Expire".to_owned(),
            command => format!("{command:?}"),
        };
        let Intent {
            cart,
            key,
            if_match,
            ..
        } = &*self.intent;
        format!("{command} to {cart} under {key:?} at {if_match:?}")
    }

    pub fn request(&self) -> StoredDigest {
        StoredDigest::Keyed(u128::from(self.intent.request).to_be_bytes())
    }
}

/// A new intent for the cart `id`, which the shopper has seen as `seen` at `version`.
pub fn random(dice: &mut Dice, id: Uuid, seen: &Cart, version: Version, number: u64) -> Intent {
    let (wish, must_match) = match seen.contents() {
        None => (Wish::Command(open(dice)), false),
        Some(contents) => match dice.below(32) {
            0..9 => (Wish::Command(add(dice)), false),
            9..15 => (Wish::Command(set(dice)), false),
            15..18 => (
                Wish::Command(CartCommand::RemoveItem {
                    sku: offer(dice).sku,
                }),
                false,
            ),
            18 => (Wish::Command(CartCommand::ClearCart), false),
            19..22 => (
                Wish::Command(CartCommand::ApplyPromotion {
                    promotion: Some(promotion(dice)),
                }),
                false,
            ),
            22 | 23 => (Wish::Command(CartCommand::RemovePromotion), false),
            24..29 => (Wish::Command(CartCommand::Undo), dice.one_in(2)),
            29 => (Wish::Command(open(dice)), false),
            30 => (Wish::Checkout(contents.total()), dice.one_in(2)),
            // Expiry depends on the clock, which differs between attempts; so the command is sent
            // at one version, for which the time is fixed.
            _ => {
                let idle_since = contents.changed_at;
                (Wish::Command(CartCommand::Expire { idle_since }), true)
            }
        },
    };
    let if_match = (must_match || dice.one_in(5)).then(|| {
        if must_match || !dice.one_in(6) {
            Condition::OneOf(vec![version])
        } else {
            dice.pick(&[
                Condition::Any,
                Condition::OneOf(vec![Version(1), Version(3)]),
            ])
        }
    });
    let key = (!dice.one_in(3)).then(|| StoredDigest::Keyed(u128::from(number).to_be_bytes()));
    Intent {
        cart: id,
        wish,
        key,
        request: number,
        if_match,
        honest: !dice.one_in(20),
    }
}

/// Another wish under the key of `intent`, as a client does that counts its keys wrongly.
pub fn another_under_the_key_of(intent: &Intent, number: u64) -> Intent {
    Intent {
        cart: intent.cart,
        wish: Wish::Command(CartCommand::ClearCart),
        key: intent.key,
        request: number,
        if_match: None,
        honest: true,
    }
}

fn open(dice: &mut Dice) -> CartCommand {
    CartCommand::OpenCart {
        currency: Currency::EUR,
        token_hash: [7; 32],
        items: (0..dice.below(3))
            .map(|_| RequestedItem::offered(offer(dice), 1))
            .collect(),
    }
}

fn add(dice: &mut Dice) -> CartCommand {
    let offer = offer(dice);
    let quantity = u32::try_from(dice.below(4)).expect("a quantity");
    CartCommand::AddItem(RequestedItem::offered(offer, quantity))
}

fn set(dice: &mut Dice) -> CartCommand {
    let offer = offer(dice);
    CartCommand::SetQuantity(RequestedItem {
        sku: offer.sku.clone(),
        quantity: u32::try_from(dice.below(6)).expect("a quantity"),
        offer: (!dice.one_in(6)).then_some(offer),
    })
}

const NAMES: [&str; 4] = ["cup", "mug", "pot", "tea"];
const PROMOTIONS: [(&str, Terms); 2] = [
    ("TENTH", Terms::Percent(10)),
    ("FIVE", Terms::Amount(Money::from_minor(500))),
];

/// The shop always sells all of it.
fn all_offers() -> Arc<Offers> {
    let products = NAMES.map(|name| offer_at(name, 250));
    Offers::new(products, PROMOTIONS.map(promotion_of)).into()
}

fn offer(dice: &mut Dice) -> Offer {
    let name = dice.pick(&NAMES);
    offer_at(name, dice.pick(&[99, 250, 1_999]))
}

fn offer_at(name: &str, price: i64) -> Offer {
    Offer {
        sku: Sku::parse(name).expect("a sku"),
        name: name.to_uppercase().into(),
        unit_price: Money::from_minor(price),
        currency: Currency::EUR,
        max_per_cart: (name == "pot").then_some(2),
    }
}

fn promotion(dice: &mut Dice) -> PromotionOffer {
    promotion_of(dice.pick(&PROMOTIONS))
}

fn promotion_of((code, terms): (&str, Terms)) -> PromotionOffer {
    PromotionOffer {
        promotion: Promotion {
            code: code.into(),
            description: format!("{code} for all"),
            terms,
        },
        currency: Currency::EUR,
    }
}
