//! The visits of simulated shoppers: what each does with a cart, and when. A script without I/O:
//! the rules may refuse a step, and the shopper goes on.

use super::Plan;
use crate::cart::Sku;
use crate::catalogue::{Catalogue, Product};
use crate::simulated_shoppers::{CODES, Shelves, companion, pick, seed_of};
use crate::timestamp::Timestamp;
use fastrand::Rng;
use std::collections::BTreeMap;
use std::time::Duration;

const HOUR: i64 = 3_600_000;
/// How many shoppers come in each hour of the day (UTC), in relation to each other: few at night,
/// most in the evening.
const BY_HOUR: [u32; 24] = [
    6, 3, 2, 1, 1, 2, 5, 10, 16, 22, 26, 28, 30, 27, 24, 24, 27, 32, 40, 48, 50, 42, 28, 14,
];
const BUSIEST: u32 = 50;

/// A step of a cart at its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Timed {
    pub at: Timestamp,
    pub step: Step,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Open { token_hash: [u8; 32] },
    Add { sku: Sku, quantity: u32 },
    Set { sku: Sku, quantity: u32 },
    Remove { sku: Sku },
    Undo,
    Apply { code: &'static str },
    CheckOut,
    Expire,
}

/// The visit of one cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CartVisit {
    /// The cart's number, from 0.
    pub number: u32,
    /// By time; the first one opens the cart.
    pub steps: Vec<Timed>,
}

/// The visits of `plan` up to `now`. Cart 0 comes first, then the cart that is opened first. Carts
/// that are left expire after `expire_after`, if that is over by then. Empty without products.
pub(super) fn visits(
    catalogue: &Catalogue,
    plan: Plan,
    now: Timestamp,
    expire_after: Option<Duration>,
) -> Vec<CartVisit> {
    let mut all = Vec::new();
    let shelves = Shelves::of(catalogue.products(), |product| &product.category);
    if shelves.is_empty() {
        return all;
    }
    for number in 0..plan.carts {
        let seed = seed_of(number.into(), plan.seed);
        let chance = Rng::with_seed(seed);
        // Of its own, so that the shopper's choices do not depend on the time of day.
        let at = opening(plan, now, &mut Rng::with_seed(!seed));
        let visit = Visit {
            at,
            now,
            chance,
            basket: BTreeMap::new(),
            steps: Vec::new(),
        };
        let steps = visit.shop(&shelves, expire_after);
        all.push(CartVisit { number, steps });
    }
    all.sort_by_key(|visit| {
        let opened = visit.steps.first().map(|step| step.at);
        (visit.number > 0, opened)
    });
    all
}

/// A time within the plan's days up to `now`, more likely in busy hours.
fn opening(plan: Plan, now: Timestamp, chance: &mut Rng) -> Timestamp {
    let span = i64::from(plan.days) * 24 * HOUR;
    loop {
        let at = now.millis() - chance.i64(1..=span);
        let hour = at.div_euclid(HOUR).rem_euclid(24);
        let weight = usize::try_from(hour).map_or(BUSIEST, |hour| BY_HOUR[hour]);
        if chance.u32(0..BUSIEST) < weight {
            return Timestamp::from_millis(at);
        }
    }
}

/// One shopper with one cart.
struct Visit {
    /// The time of the next step.
    at: Timestamp,
    now: Timestamp,
    chance: Rng,
    /// Units by product, as far as the shopper knows: a refused step is not noticed.
    basket: BTreeMap<Sku, u32>,
    steps: Vec<Timed>,
}

impl Visit {
    fn shop(mut self, shelves: &Shelves<&Product>, expire_after: Option<Duration>) -> Vec<Timed> {
        let mut token_hash = [0; 32];
        self.chance.fill(&mut token_hash);
        self.take(Step::Open { token_hash });
        let is_filled = !self.happens(0.07);
        if is_filled {
            self.fill(shelves);
            if self.happens(0.25) {
                self.pause(10, 60);
                let code = CODES[self.chance.usize(..CODES.len())];
                self.take(Step::Apply { code });
            }
            // Some come back for it later.
            if self.happens(0.18) {
                self.pause(1_800, 50_000);
                self.hesitate();
            }
        }
        if !self.basket.is_empty() && self.happens(0.58) {
            self.pause(30, 240);
            self.take(Step::CheckOut);
        } else if let (Some(after), Some(last)) = (expire_after, self.steps.last()) {
            self.at = last.at.after(after);
            self.take(Step::Expire);
        }
        self.steps
    }

    /// Fills the cart, mostly from one shelf.
    fn fill(&mut self, shelves: &Shelves<&Product>) {
        let own = shelves.random(&mut self.chance);
        let mut wanted = 1;
        while wanted < 8 && self.happens(0.55) {
            wanted += 1;
        }
        for _ in 0..wanted {
            let shelf = if self.happens(0.8) {
                own
            } else {
                shelves.random(&mut self.chance)
            };
            let place = pick(shelf, &mut self.chance);
            self.add(shelf[place]);
            if let Some(companion) = companion(shelf, place)
                && self.happens(0.35)
            {
                self.add(companion);
            }
            self.hesitate();
        }
    }

    fn add(&mut self, product: &Product) {
        let quantity = if self.happens(0.75) {
            1
        } else {
            self.chance.u32(2..=3)
        };
        self.pause(15, 150);
        *self.basket.entry(product.sku().clone()).or_default() += quantity;
        self.take(Step::Add {
            sku: product.sku().clone(),
            quantity,
        });
    }

    /// Sometimes removes, changes or undoes something.
    fn hesitate(&mut self) {
        let held: Vec<Sku> = self.basket.keys().cloned().collect();
        if held.is_empty() {
            return;
        }
        let sku = held[self.chance.usize(..held.len())].clone();
        match self.chance.f64() {
            roll if roll < 0.1 => {
                self.pause(10, 90);
                self.basket.remove(&sku);
                self.take(Step::Remove { sku });
            }
            roll if roll < 0.2 => {
                self.pause(10, 60);
                let quantity = self.chance.u32(1..=3);
                self.basket.insert(sku.clone(), quantity);
                self.take(Step::Set { sku, quantity });
            }
            roll if roll < 0.24 => {
                self.pause(3, 20);
                self.take(Step::Undo);
            }
            _ => {}
        }
    }

    /// Takes a step, unless its time has not come yet.
    fn take(&mut self, step: Step) {
        if self.at <= self.now {
            self.steps.push(Timed { at: self.at, step });
        }
    }

    /// Waits from `least` to `most` seconds, to the millisecond.
    fn pause(&mut self, least: u64, most: u64) {
        let millis = self.chance.u64(least * 1_000..=most * 1_000);
        self.at = self.at.after(Duration::from_millis(millis));
    }

    fn happens(&mut self, probability: f64) -> bool {
        self.chance.f64() < probability
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(seed: u64) -> Plan {
        Plan {
            carts: 300,
            days: 7,
            seed,
        }
    }

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-23T12:00:00Z").unwrap()
    }

    fn visits_of(plan: Plan, expire_after: Option<Duration>) -> Vec<Vec<Timed>> {
        let catalogue = Catalogue::load(None, None).unwrap();
        let visits = visits(&catalogue, plan, now(), expire_after);
        visits.into_iter().map(|visit| visit.steps).collect()
    }

    #[test]
    fn steps_are_within_the_days_in_order_and_repeat_by_seed() {
        let visits = visits_of(plan(1), None);
        assert!(visits[1..].is_sorted_by_key(|steps| steps[0].at));
        for steps in &visits {
            assert!(steps.is_sorted_by_key(|step| step.at));
        }
        let times: Vec<i64> = visits.iter().flatten().map(|it| it.at.millis()).collect();
        let from = now().millis() - 7 * 24 * HOUR;
        let to = now().millis();
        assert!(times.iter().all(|time| (from..=to).contains(time)));
        // Not all at once: each day has some.
        for day in 0..7 {
            let begin = from + day * 24 * HOUR;
            let within = |time: &&i64| (begin..begin + 24 * HOUR).contains(time);
            assert!(times.iter().filter(within).count() > 100, "day {day}");
        }
        assert_eq!(visits, visits_of(plan(1), None));
        assert_ne!(visits, visits_of(plan(2), None));
    }

    #[test]
    fn each_cart_is_opened_first_and_closed_at_most_once() {
        let day = Duration::from_hours(24);
        let visits = visits_of(plan(3), Some(day));
        let is_closing = |step: &Timed| matches!(step.step, Step::CheckOut | Step::Expire);
        for steps in &visits {
            assert!(matches!(steps[0].step, Step::Open { .. }), "{steps:?}");
            let closing = steps.iter().position(is_closing);
            assert!(closing.is_none_or(|at| at == steps.len() - 1), "{steps:?}");
            if let [.., last, end] = steps.as_slice()
                && end.step == Step::Expire
            {
                assert_eq!(end.at, last.at.after(day));
            }
        }
        let all = visits.iter().flatten();
        let bought = all.filter(|step| step.step == Step::CheckOut).count();
        assert!((100..220).contains(&bought), "{bought}");
    }
}
