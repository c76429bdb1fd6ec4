//! A shopper with one cart: looks around, puts things in, has second thoughts, and buys or leaves.

use super::cart::{Basket, Leave, OwnCart, Step, Wish};
use super::client::Client;
use super::market::{self, Market, Product};
use super::plan::Plan;
use fastrand::Rng;
use serde_json::json;
use std::time::Duration;

/// What shoppers type who were sent a code; the last one misread it.
const CODES: [&str; 5] = ["TEA10", "WELCOME5", "HARVEST15", "THANKYOU20", "TEA1O"];

pub(super) struct Shopper<'a> {
    market: &'a Market,
    cart: OwnCart<'a>,
    chance: Rng,
    pause: Duration,
}

impl<'a> Shopper<'a> {
    /// The shopper of the cart number `cart`, whose idempotency keys no other `run` has.
    pub fn new(
        plan: &Plan,
        market: &'a Market,
        client: &'a mut Client,
        run: &str,
        cart: u64,
    ) -> Shopper<'a> {
        // Spread over all bits, so that neighbouring carts of neighbouring seeds differ.
        let seed = plan.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ cart.wrapping_mul(0xd1b5_4a32_d192_ed03);
        Shopper {
            market,
            cart: OwnCart::new(client, format!("{run}-{cart}")),
            chance: Rng::with_seed(seed),
            pause: plan.pause,
        }
    }

    /// Goes shopping. False if the service fell silent on the way.
    pub fn shop(mut self) -> bool {
        let (end, answered) = match self.visit() {
            Ok(end) => (end, true),
            Err(Leave::Stuck) => ("cut short", true),
            Err(Leave::Silence) => ("cut short", false),
        };
        self.cart.left(end);
        answered
    }

    fn visit(&mut self) -> Result<&'static str, Leave> {
        let shelf = self.market.interest(&mut self.chance);
        self.look("catalogue", "/api/products?limit=50")?;
        self.open(shelf)?;
        if self.cart.basket.is_empty() && self.happens(0.08) {
            return Ok("left empty");
        }
        self.fill(shelf)?;
        if self.happens(0.25) {
            self.try_a_code()?;
        }
        if self.happens(0.02) {
            self.clear(&[])?;
        }
        if self.cart.basket.is_empty() {
            return Ok("left empty");
        }
        // The dearer the cart, the sooner it is left behind.
        if self.happens(0.22 + share(self.cart.total, 60_000).min(0.45)) {
            return Ok("abandoned");
        }
        self.buy()?;
        Ok("bought")
    }

    fn open(&mut self, shelf: &[Product]) -> Step {
        let mut wish = Wish::post("open_cart", "", Basket::default());
        if self.happens(0.3) {
            let sku = &market::pick(shelf, &mut self.chance).sku;
            wish.then.set(sku, 1);
            wish.body = Some(json!({ "items": [{ "sku": sku, "quantity": 1 }] }));
        }
        self.think();
        self.cart.open(wish)
    }

    /// Fills the cart, mostly from the shelf that the shopper came for.
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
                market.interest(&mut self.chance)
            };
            let product = market::pick(shelf, &mut self.chance);
            self.add(product)?;
            self.hesitate(product)?;
            if let Some(companion) = market::companion(shelf, product)
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
            self.look("product", &format!("/api/products/{sku}"))?;
        }
        let held = self.cart.basket.units(sku);
        let room = product.most().saturating_sub(held);
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
        self.send(Wish::post("add_item", "/items", then).body(item))
    }

    /// Has second thoughts about what was just put in, the more the dearer it is.
    fn hesitate(&mut self, product: &Product) -> Step {
        if self.cart.basket.units(&product.sku) == 0 {
            return Ok(());
        }
        let regret = 0.04 + share(product.price, 25_000).min(0.3);
        match self.chance.f64() {
            roll if roll < regret => {
                self.take_out(product)?;
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

    fn take_out(&mut self, product: &Product) -> Step {
        let line = format!("/items/{}", product.sku);
        let then = self.cart.basket.with(&product.sku, 0);
        self.send(Wish::delete("remove_item", &line, then))
    }

    fn change_quantity(&mut self, product: &Product) -> Step {
        let line = format!("/items/{}", product.sku);
        let quantity = self.chance.u32(0..=product.most());
        let then = self.cart.basket.with(&product.sku, quantity);
        self.send(Wish::put("set_quantity", &line, then).body(json!({ "quantity": quantity })))
    }

    fn clear(&mut self, refusals: &'static [&'static str]) -> Step {
        let then = self.cart.basket.cleared();
        self.send(Wish::delete("clear_cart", "/items", then).or_refused(refusals))
    }

    fn try_a_code(&mut self) -> Step {
        let code = CODES[self.chance.usize(..CODES.len())];
        let then = self.cart.basket.with_code(Some(code));
        self.send(
            Wish::put("apply_promotion", "/promotion", then)
                .body(json!({ "code": code }))
                .or_refused(&["unknown-promotion"]),
        )?;
        if self.cart.basket.code.is_some() && self.happens(0.1) {
            let then = self.cart.basket.with_code(None);
            self.send(Wish::delete("remove_promotion", "/promotion", then))?;
        }
        Ok(())
    }

    /// Looks at the cart once more and pays. Some have misread the total, impatient ones press the
    /// button twice, and some remember something when it is too late.
    fn buy(&mut self) -> Step {
        self.think();
        self.cart.look()?;
        if self.happens(0.03) {
            let wish = self.checkout(1).or_refused(&["total-changed"]);
            self.send(wish)?;
        }
        let wish = self.checkout(0);
        self.send(wish)?;
        if self.happens(0.03) {
            let wish = self.checkout(0);
            self.cart.send_again(wish)?;
        }
        if self.happens(0.02) {
            self.clear(&["cart-closed"])?;
        }
        Ok(())
    }

    fn checkout(&self, misread_by: i64) -> Wish<'static> {
        let total = json!({ "expected_total": self.cart.total + misread_by });
        Wish::post("checkout", "/checkout", self.cart.basket.clone())
            .body(total)
            .at_version()
    }

    fn send(&mut self, wish: Wish<'_>) -> Step {
        self.think();
        self.cart.send(wish)
    }

    fn look(&mut self, name: &'static str, path: &str) -> Step {
        self.think();
        self.cart.read(name, path)
    }

    fn happens(&mut self, probability: f64) -> bool {
        self.chance.f64() < probability
    }

    /// Between nothing and twice the usual pause.
    fn think(&mut self) {
        let factor = self.chance.f64() * 2.0;
        if !self.pause.is_zero() {
            std::thread::sleep(self.pause.mul_f64(factor));
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a chance, from amounts of money"
)]
fn share(amount: i64, whole: i64) -> f64 {
    amount as f64 / whole as f64
}
