//! The insights against an independent count: plain JSON, plain maps, no code of the views.

#![expect(clippy::cast_precision_loss, reason = "shares of a few thousand carts")]

use cartlog::cart::event::{CartCheckedOut, CartOpened, Units};
use cartlog::cart::{CartEvent, Currency, Money, Sku};
use cartlog::log::LogWriter;
use cartlog::timestamp::Timestamp;
use cartlog::views::insights::products::{self, By};
use cartlog::views::insights::{activity, baskets, journeys};
use cartlog_testkit::shop::{Chance, OPENING, Shop, Shoppers, cart_of, offer};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;
use uuid::Uuid;

/// A cart as its events give it by hand, without the code of the views.
#[derive(Default)]
struct Story {
    opened: i64,
    last: i64,
    closed: Option<(String, i64)>,
    /// What each product's units come to, and for how much.
    held: BTreeMap<String, (i64, i64)>,
    ever: BTreeSet<String>,
    taken_out: Option<Value>,
}

#[derive(Default, Debug, PartialEq, Eq, Clone)]
struct Counts {
    carts: u64,
    added: u64,
    removed: u64,
    bought: u64,
    carts_bought: u64,
    revenue: i64,
    given_up: u64,
    came_back: u64,
}

fn read(events: &[Value]) -> (BTreeMap<String, Story>, BTreeMap<String, Counts>) {
    let mut stories: BTreeMap<String, Story> = BTreeMap::new();
    let mut products: BTreeMap<String, Counts> = BTreeMap::new();
    for event in events {
        let story = stories
            .entry(event["cart"].as_str().unwrap().to_owned())
            .or_default();
        let at = millis(event);
        story.last = at;
        let data = &event["data"];
        let quantity = data["quantity"].as_i64().unwrap_or(0);
        let price = data["unit_price"].as_i64().unwrap_or(0);
        let sku = data["sku"].as_str().unwrap_or_default().to_owned();
        match event["type"].as_str().unwrap() {
            "CartOpened" => story.opened = at,
            "ItemAdded" => {
                let product = products.entry(sku.clone()).or_default();
                let first = story.ever.insert(sku.clone());
                let held = story.held.entry(sku).or_default();
                product.carts += u64::from(first);
                product.came_back += u64::from(!first && held.0 == 0);
                product.added += quantity.unsigned_abs();
                held.0 += quantity;
                held.1 += quantity * price;
            }
            "ItemRemoved" => {
                let product = products.entry(sku.clone()).or_default();
                let held = story.held.entry(sku).or_default();
                held.0 -= quantity;
                held.1 -= quantity * price;
                product.removed += quantity.unsigned_abs();
                product.given_up += u64::from(held.0 == 0);
                story.taken_out = Some(data.clone());
            }
            "CartCheckedOut" => {
                story.closed = Some(("checked_out".into(), at));
                for (sku, (units, value)) in story.held.iter().filter(|(_, held)| held.0 > 0) {
                    let product = products.entry(sku.clone()).or_default();
                    product.bought += units.unsigned_abs();
                    product.carts_bought += 1;
                    product.revenue += value;
                }
            }
            "CartExpired" => story.closed = Some(("expired".into(), at)),
            _ => {}
        }
    }
    (stories, products)
}

fn millis(event: &Value) -> i64 {
    Timestamp::parse(event["at"].as_str().unwrap())
        .unwrap()
        .millis()
}

#[tokio::test]
async fn funnel_matches_the_histories_of_the_carts() {
    let shop = Shop::open();
    shop.sell(&mut Shoppers::new(2, 9, 40), 5_000).await;
    let views = shop.views().await;
    let (stories, _) = read(&shop.events());
    let middle = shop.events()[2_000].clone();
    let (middle, idle_since) = (millis(&middle), millis(&middle) + 1_000_000);
    for (from, to) in [
        (None, None),
        (Some(middle), None),
        (None, Some(middle)),
        (Some(middle), Some(middle + 500_000)),
        (Some(middle), Some(middle)),
    ] {
        let time = |millis: Option<i64>| millis.map(Timestamp::from_millis);
        let funnel = journeys::funnel(
            &views,
            time(from),
            time(to),
            Timestamp::from_millis(idle_since),
        )
        .unwrap();
        let within: Vec<&Story> = stories
            .values()
            .filter(|story| from.is_none_or(|from| story.opened >= from))
            .filter(|story| to.is_none_or(|to| story.opened < to))
            .collect();
        let count = |fits: &dyn Fn(&Story) -> bool| {
            within.iter().filter(|story| fits(story)).count() as u64
        };
        let ended =
            |story: &Story, how: &str| story.closed.as_ref().is_some_and(|end| end.0 == how);
        assert_eq!(funnel.opened, within.len() as u64);
        assert_eq!(funnel.filled, count(&|story| !story.ever.is_empty()));
        assert_eq!(
            funnel.checked_out,
            count(&|story| ended(story, "checked_out"))
        );
        assert_eq!(funnel.expired, count(&|story| ended(story, "expired")));
        let idle = count(&|story| story.closed.is_none() && story.last <= idle_since);
        assert_eq!(funnel.idle, idle);
        let mut times: Vec<i64> = within
            .iter()
            .filter(|story| ended(story, "checked_out"))
            .map(|story| story.closed.as_ref().unwrap().1 - story.opened)
            .collect();
        times.sort_unstable();
        // The nearest rank: the first value that is not exceeded by that share of all.
        let rank = |share: usize| {
            times
                .iter()
                .enumerate()
                .find(|(place, _)| (place + 1) * 100 >= times.len() * share)
                .map(|(_, time)| *time)
        };
        assert_eq!(funnel.time_to_checkout.median_ms, rank(50));
        assert_eq!(funnel.time_to_checkout.p90_ms, rank(90));
        match within.len() {
            0 => assert_eq!(funnel.conversion, None),
            opened => {
                let share = times.len() as f64 / opened as f64;
                assert!((funnel.conversion.unwrap() - share).abs() < 1e-12);
            }
        }
    }
    let all = journeys::funnel(&views, None, None, Timestamp::from_millis(idle_since)).unwrap();
    assert!(all.checked_out > 50 && all.expired > 20 && all.idle > 5);
}

#[tokio::test]
async fn products_count_added_removed_and_bought_units() {
    let shop = Shop::open();
    shop.sell(&mut Shoppers::new(3, 9, 25), 5_000).await;
    let views = shop.views().await;
    let (_, counted) = read(&shop.events());
    let listed = products::list(&views, By::Sku, 0, 1_000).unwrap();
    let found: BTreeMap<String, Counts> = listed
        .iter()
        .map(|product| {
            let numbers = product.numbers.clone();
            let counts = Counts {
                carts: numbers.carts,
                added: numbers.units_added,
                removed: numbers.units_removed,
                bought: numbers.units_bought,
                carts_bought: numbers.carts_bought,
                revenue: numbers.revenue.minor(),
                given_up: numbers.given_up,
                came_back: numbers.came_back,
            };
            (product.sku.clone(), counts)
        })
        .collect();
    assert_eq!(found, counted);
    assert!(counted.values().any(|product| product.came_back > 3));

    let hesitated = products::list(&views, By::Hesitation, 0, 3).unwrap();
    let lost = |counts: &Counts| counts.given_up - counts.came_back;
    let most = counted.values().map(lost).max().unwrap();
    assert_eq!(lost(&counted[&hesitated[0].sku]), most);
}

#[tokio::test]
async fn activity_adds_up_by_type_and_step() {
    let shop = Shop::open();
    shop.sell(&mut Shoppers::new(4, 9, 10), 2_000).await;
    let views = shop.views().await;
    for (minutes, offset) in [(1, 0), (60, 0), (24 * 60, 0), (60, 330), (24 * 60, -210)] {
        let ahead = offset * 60_000;
        let mut counted: BTreeMap<(i64, String), u64> = BTreeMap::new();
        for event in shop.events() {
            let local = millis(&event) + ahead;
            let step = local.div_euclid(minutes * 60_000) * minutes * 60_000 - ahead;
            let name = event["type"].as_str().unwrap().to_owned();
            *counted.entry((step, name)).or_default() += 1;
        }
        let steps = activity::steps(&views, minutes, offset, (None, None), 100_000).unwrap();
        let found: BTreeMap<(i64, String), u64> = steps
            .iter()
            .flat_map(|step| {
                let at = step.at.millis();
                step.events
                    .iter()
                    .map(move |(name, events)| ((at, name.clone()), *events))
            })
            .collect();
        assert_eq!(found, counted, "{minutes} minutes at {offset}");
        assert!(steps.is_sorted_by_key(|step| step.at));
        let latest = activity::steps(&views, minutes, offset, (None, None), 2).unwrap();
        assert_eq!(latest, steps[steps.len().saturating_sub(2)..]);
    }
}

#[tokio::test]
async fn last_removal_of_a_cart_is_the_latest_one() {
    let shop = Shop::open();
    shop.sell(&mut Shoppers::new(5, 9, 25), 3_000).await;
    let views = shop.views().await;
    let (stories, _) = read(&shop.events());
    assert!(stories.values().any(|story| story.taken_out.is_some()));
    for (id, story) in stories {
        let id = Uuid::parse_str(&id).unwrap();
        let opened = Timestamp::from_millis(story.opened);
        let found = journeys::taken_out_last(&views, id, opened).unwrap();
        let found = found.map(|removed| (removed.sku, i64::from(removed.quantity)));
        let read = story.taken_out.map(|data| {
            let sku = data["sku"].as_str().unwrap().to_owned();
            (sku, data["quantity"].as_i64().unwrap())
        });
        assert_eq!(found, read);
    }
}

/// Thousands of carts with up to a hundred products each, every pair counted one by one.
///
/// Contract (views): Pairs are right for thousands of carts with up to a hundred products each.
#[tokio::test]
async fn pairs_are_right_for_thousands_of_large_carts() {
    let shop = Shop::open();
    let mut chance = Chance::new(6);
    let mut baskets_by_hand: Vec<BTreeSet<usize>> = Vec::new();
    for number in 0..2_000u128 {
        let size = 1 + chance.below(100);
        let basket: BTreeSet<usize> = (0..size)
            .map(|_| chance.below(150).min(chance.below(150)))
            .collect();
        let mut events = vec![CartEvent::CartOpened(CartOpened {
            currency: Currency::EUR,
            token_hash: [7; 32],
        })];
        events.extend(basket.iter().map(|product| {
            let offer = offer(*product);
            CartEvent::ItemAdded(Units {
                sku: offer.sku,
                name: offer.name,
                quantity: 1,
                unit_price: offer.unit_price,
            })
        }));
        // One in ten never buys and must not count.
        if number % 10 != 0 {
            events.push(CartEvent::CartCheckedOut(CartCheckedOut {
                order_id: Uuid::from_u128(number),
                items_total: Money::ZERO,
                discount: Money::ZERO,
                total: Money::ZERO,
                withdrawn: None,
                order_follows: false,
            }));
            baskets_by_hand.push(basket);
        }
        let at = Timestamp::from_millis(OPENING);
        let commit = cart_of(Uuid::from_u128(number + 1), at, &events);
        shop.log.append(commit).await.unwrap();
    }
    let views = shop.views().await;
    let all = baskets_by_hand.len() as f64;
    let with = |product: usize| {
        baskets_by_hand
            .iter()
            .filter(|basket| basket.contains(&product))
            .count()
    };
    let with_both = |one: usize, other: usize| {
        baskets_by_hand
            .iter()
            .filter(|basket| basket.contains(&one) && basket.contains(&other))
            .count()
    };
    let number = |sku: &str| sku.trim_start_matches("sku-").parse::<usize>().unwrap();

    let sku = Sku::parse("sku-4").unwrap();
    let pairs = baskets::pairs(&views, Some(&sku), 200).unwrap();
    assert_eq!(pairs.checked_out, baskets_by_hand.len() as u64);
    let partners = (0..150).filter(|other| *other != 4 && with_both(4, *other) > 0);
    assert_eq!(pairs.items.len(), partners.count());
    for pair in &pairs.items {
        assert_eq!(pair.sku, "sku-4");
        let other = number(&pair.with);
        let both = with_both(4, other);
        assert_eq!(pair.carts, both as u64);
        let both = both as f64;
        assert!((pair.support - both / all).abs() < 1e-12);
        assert!((pair.confidence - both / with(4) as f64).abs() < 1e-12);
        let lift = (both / all) / ((with(4) as f64 / all) * (with(other) as f64 / all));
        assert!((pair.lift - lift).abs() < 1e-9);
    }
    assert!(
        pairs
            .items
            .is_sorted_by(|one, next| one.carts >= next.carts)
    );

    let started = Instant::now();
    let pairs = baskets::pairs(&views, None, 10).unwrap();
    println!("all pairs of {all} carts: {:?}", started.elapsed());
    let mut counted: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    for basket in &baskets_by_hand {
        for one in basket {
            for other in basket.range(one + 1..) {
                *counted.entry((*one, *other)).or_default() += 1;
            }
        }
    }
    let mut best: Vec<u64> = counted.values().copied().collect();
    best.sort_unstable_by(|one, other| other.cmp(one));
    let found: Vec<u64> = pairs.items.iter().map(|pair| pair.carts).collect();
    assert_eq!(found, best[..10]);
    for pair in &pairs.items {
        let (one, other) = (number(&pair.sku), number(&pair.with));
        assert!(with(one) <= with(other), "the rarer product leads");
        let key = (one.min(other), one.max(other));
        assert_eq!(pair.carts, counted[&key]);
    }
}

#[tokio::test]
async fn insights_without_carts_divide_by_nothing() {
    let shop = Shop::open();
    let views = shop.views().await;
    let funnel = journeys::funnel(&views, None, None, Timestamp::now()).unwrap();
    assert_eq!(funnel.opened, 0);
    assert_eq!(funnel.conversion, None);
    let pairs = baskets::pairs(&views, None, 10).unwrap();
    assert_eq!((pairs.checked_out, pairs.items.len()), (0, 0));
}
