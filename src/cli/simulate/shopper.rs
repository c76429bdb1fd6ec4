//! A shopper with one cart: browses, adds and removes products, and buys or abandons the cart.

use super::cart::{Basket, Intent, Leave, OwnCart, Step};
use super::client::Client;
use super::market::{Market, Product};
use super::plan::Plan;
use crate::simulated_shoppers::{CODES, companion, pick, seed_of};
use fastrand::Rng;
use serde_json::json;
use std::time::Duration;

pub(super) struct Shopper<'a> {
    market: &'a Market,
    cart: OwnCart<'a>,
    chance: Rng,
    pause: Duration,
}

impl<'a> Shopper<'a> {
    /// The shopper of cart number `cart`.
    pub fn new(plan: &Plan, market: &'a Market, client: &'a mut Client, cart: u64) -> Shopper<'a> {
        Shopper {
            market,
            cart: OwnCart::new(client),
            chance: Rng::with_seed(seed_of(cart, plan.seed)),
            pause: plan.pause,
        }
    }

    /// Shops. False if the service stopped responding.
    pub fn shop(mut self) -> bool {
        let (end, answered) = match self.visit() {
            Ok(end) => (end, true),
            Err(Leave::Stuck) => ("cut short", true),
            Err(Leave::Unavailable) => ("cut short", false),
        };
        self.cart.finish(end);
        answered
    }

    fn visit(&mut self) -> Result<&'static str, Leave> {
        let shelf = self.market.random(&mut self.chance);
        self.read("catalogue", "/api/products?limit=50")?;
        self.open(shelf)?;
        if self.cart.basket.is_empty() && self.happens(0.08) {
            return Ok("left empty");
        }
        self.fill(shelf)?;
        if self.happens(0.25) {
            self.apply_code()?;
        }
        if self.happens(0.02) {
            self.clear(&[])?;
        }
        if self.cart.basket.is_empty() {
            return Ok("left empty");
        }
        // Expensive carts are abandoned more often.
        if self.happens(0.22 + share(self.cart.total, 60_000).min(0.45)) {
            return Ok("abandoned");
        }
        self.buy()?;
        Ok("bought")
    }

    fn open(&mut self, shelf: &[Product]) -> Step {
        let mut intent = Intent::post("open_cart", "", Basket::default());
        if self.happens(0.3) {
            let sku = &shelf[pick(shelf, &mut self.chance)].sku;
            intent.then.set(sku, 1);
            intent.body = Some(json!({ "items": [{ "sku": sku, "quantity": 1 }] }));
        }
        self.think();
        self.cart.open(intent)
    }

    /// Fills the cart, mostly from the shopper's own shelf.
    fn fill(&mut self, own: &[Product]) -> Step {
        let market = self.market;
        let mut wanted = 1;
        while wanted < 12 && self.happens(0.62) {
            wanted += 1;
        }
        for _ in 0..wanted {
            let shelf = if self.happens(0.8) {
                own
            } else {
                market.random(&mut self.chance)
            };
            let place = pick(shelf, &mut self.chance);
            let product = &shelf[place];
            self.add(product)?;
            self.hesitate(product)?;
            if let Some(companion) = companion(shelf, place)
                && self.cart.basket.units(&companion.sku) == 0
                && self.happens(0.45)
            {
                self.add(companion)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, product: &Product) -> Step {
        let sku = &product.sku;
        if self.chance.bool() {
            self.read("product", &format!("/api/products/{sku}"))?;
        }
        let held = self.cart.basket.units(sku);
        let room = product.max_units().saturating_sub(held);
        if room == 0 {
            return Ok(());
        }
        let quantity = if self.happens(0.75) {
            1
        } else {
            self.chance.u32(1..=room)
        };
        let then = self.cart.basket.with(sku, held + quantity);
        let item = json!({ "sku": sku, "quantity": quantity });
        self.send(Intent::post("add_item", "/items", then).body(item))
    }

    /// Sometimes removes, changes or undoes the last addition; more often if it is expensive.
    fn hesitate(&mut self, product: &Product) -> Step {
        if self.cart.basket.units(&product.sku) == 0 {
            return Ok(());
        }
        let regret = 0.04 + share(product.price, 25_000).min(0.3);
        match self.chance.f64() {
            roll if roll < regret => {
                self.remove(product)?;
                if self.happens(0.35) {
                    self.add(product)?;
                }
                Ok(())
            }
            roll if roll < regret + 0.1 => self.change_quantity(product),
            roll if roll < regret + 0.16 => {
                self.think();
                self.cart.undo()
            }
            _ => Ok(()),
        }
    }

    fn remove(&mut self, product: &Product) -> Step {
        let line = format!("/items/{}", product.sku);
        let then = self.cart.basket.with(&product.sku, 0);
        self.send(Intent::delete("remove_item", &line, then))
    }

    fn change_quantity(&mut self, product: &Product) -> Step {
        let line = format!("/items/{}", product.sku);
        let quantity = self.chance.u32(0..=product.max_units());
        let then = self.cart.basket.with(&product.sku, quantity);
        self.send(Intent::put("set_quantity", &line, then).body(json!({ "quantity": quantity })))
    }

    fn clear(&mut self, refusals: &'static [&'static str]) -> Step {
        let then = self.cart.basket.cleared();
        self.send(Intent::delete("clear_cart", "/items", then).or_refused(refusals))
    }

    fn apply_code(&mut self) -> Step {
        let code = CODES[self.chance.usize(..CODES.len())];
        let then = self.cart.basket.with_code(Some(code));
        self.send(
            Intent::put("apply_promotion", "/promotion", then)
                .body(json!({ "code": code }))
                .or_refused(&["unknown-promotion"]),
        )?;
        if self.cart.basket.code.is_some() && self.happens(0.1) {
            let then = self.cart.basket.with_code(None);
            self.send(Intent::delete("remove_promotion", "/promotion", then))?;
        }
        Ok(())
    }

    /// Views the cart and checks out. Some shoppers send a wrong total, some press the button
    /// twice, and some change the cart after the checkout.
    fn buy(&mut self) -> Step {
        self.think();
        self.cart.view()?;
        if self.happens(0.03) {
            let intent = self.checkout(1).or_refused(&["total-changed"]);
            self.send(intent)?;
        }
        let intent = self.checkout(0);
        self.send(intent)?;
        if self.happens(0.03) {
            let intent = self.checkout(0);
            self.cart.repeat(intent)?;
        }
        if self.happens(0.02) {
            self.clear(&["cart-closed"])?;
        }
        Ok(())
    }

    fn checkout(&self, total_offset: i64) -> Intent<'static> {
        let total = json!({ "expected_total": self.cart.total + total_offset });
        Intent::post("checkout", "/checkout", self.cart.basket.clone())
            .body(total)
            .at_version()
    }

    fn send(&mut self, intent: Intent<'_>) -> Step {
        self.think();
        self.cart.send(intent)
    }

    fn read(&mut self, name: &'static str, path: &str) -> Step {
        self.think();
        self.cart.read(name, path)
    }

    fn happens(&mut self, probability: f64) -> bool {
        self.chance.f64() < probability
    }

    /// Pauses for up to twice the average.
    fn think(&mut self) {
        let factor = self.chance.f64() * 2.0;
        if !self.pause.is_zero() {
            std::thread::sleep(self.pause.mul_f64(factor));
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a probability from amounts of money"
)]
fn share(amount: i64, whole: i64) -> f64 {
    amount as f64 / whole as f64
}
