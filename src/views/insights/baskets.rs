//! Products that are bought together, by market-basket analysis of checked-out carts (Agrawal,
//! Imieliński, Swami: "Mining Association Rules between Sets of Items in Large Databases", 1993).
//!
//! The view has one row for each checked-out cart: its products. Pairs are counted by the query. A
//! cart of a hundred products has 4,950 pairs, so a table of pairs would cost a checkout that many
//! writes, for a query that is rare and takes milliseconds.

use crate::cart::{Cart, CartEvent, Sku};
use crate::views::{Batch, View};
use rusqlite::{Connection, params};
use schemars::JsonSchema;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// The view's name.
pub const NAME: &str = "baskets";

/// The view `baskets`.
pub struct Baskets;

impl View for Baskets {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self) -> u32 {
        1
    }

    fn create(&self, tables: &Connection) -> rusqlite::Result<()> {
        tables.execute_batch(
            "CREATE TABLE baskets (
                position INTEGER PRIMARY KEY,
                cart     BLOB    NOT NULL CHECK (length(cart) = 16),
                -- Sorted, separated by spaces: a sku contains none.
                skus     TEXT    NOT NULL
            ) STRICT;",
        )
    }

    fn apply(&mut self, tables: &Connection, batch: &Batch<'_>) -> rusqlite::Result<()> {
        let mut insert = tables.prepare_cached("INSERT INTO baskets VALUES (?1, ?2, ?3)")?;
        for event in batch.events() {
            if !matches!(event.of_cart(), Some(CartEvent::CartCheckedOut(_))) {
                continue;
            }
            let cart = batch.cart(event.stream);
            let Some(contents) = cart.and_then(Cart::contents) else {
                continue;
            };
            let mut skus: Vec<&str> = contents.lines().map(|line| line.sku.as_str()).collect();
            skus.sort_unstable();
            insert.execute(params![
                event.position.0,
                event.stream.as_bytes(),
                skus.join(" ")
            ])?;
        }
        Ok(())
    }
}

/// Two products that were bought together: the association rule "carts with `sku` have `with`".
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Pair {
    pub sku: String,
    pub with: String,
    /// Checked-out carts with both.
    pub carts: u64,
    /// The share of all checked-out carts that have both.
    pub support: f64,
    /// The share of the carts with `sku` that have `with` as well.
    pub confidence: f64,
    /// How many times likelier `with` is in a cart with `sku` than in any cart; 1 if the two are
    /// independent.
    pub lift: f64,
}

/// The most frequent pairs, and the number of checked-out carts.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Pairs {
    pub checked_out: u64,
    pub items: Vec<Pair>,
}

/// The `limit` most frequent pairs, of `sku` or of all products. Of all products, the rarer one of
/// a pair comes first, since that direction has the higher confidence.
pub fn pairs(tables: &Connection, sku: Option<&Sku>, limit: usize) -> rusqlite::Result<Pairs> {
    let loaded = Loaded::read(tables)?;
    let mut best: BinaryHeap<Reverse<Ranked>> = BinaryHeap::new();
    let mut keep = |ranked: Ranked| {
        best.push(Reverse(ranked));
        if best.len() > limit {
            best.pop();
        }
    };
    match sku {
        Some(sku) => {
            if let Some(first) = loaded.numbers.get(sku.as_str()) {
                loaded.partners(*first, |with, carts| {
                    keep(Ranked::new(&loaded, carts, *first, with));
                });
            }
        }
        None => {
            for first in 0..loaded.skus.len() {
                loaded.partners(first, |with, carts| {
                    if loaded.leads(first, with) {
                        keep(Ranked::new(&loaded, carts, first, with));
                    }
                });
            }
        }
    }
    let items = best.into_sorted_vec();
    Ok(Pairs {
        checked_out: loaded.baskets.len() as u64,
        items: items
            .into_iter()
            .map(|Reverse(ranked)| loaded.pair(&ranked))
            .collect(),
    })
}

/// How many of the newest orders count for [`companions`]: a visitor's request takes milliseconds,
/// however long the log is.
const RECENT: u32 = 10_000;
/// The fewest orders with both products that count as often.
const OFTEN: u32 = 2;

/// The products that were often bought together with `sku`, in the newest orders; most often first,
/// then by sku.
pub fn companions(tables: &Connection, sku: &Sku) -> rusqlite::Result<Vec<String>> {
    let mut statement = tables.prepare_cached(
        "SELECT skus FROM (SELECT skus FROM baskets ORDER BY position DESC LIMIT ?2)
         WHERE instr(' ' || skus || ' ', ' ' || ?1 || ' ')",
    )?;
    let mut counts: HashMap<String, u32> = HashMap::new();
    let mut rows = statement.query(params![sku.as_str(), RECENT])?;
    while let Some(row) = rows.next()? {
        let basket = row.get_ref(0)?.as_str()?.split(' ');
        for other in basket.filter(|other| *other != sku.as_str()) {
            match counts.get_mut(other) {
                Some(count) => *count += 1,
                None => drop(counts.insert(other.to_owned(), 1)),
            }
        }
    }
    let mut often: Vec<_> = counts
        .into_iter()
        .filter(|(_, count)| *count >= OFTEN)
        .collect();
    often.sort_unstable_by(|(a, first), (b, second)| second.cmp(first).then_with(|| a.cmp(b)));
    Ok(often.into_iter().map(|(sku, _)| sku).collect())
}

/// All baskets, with products as numbers.
struct Loaded {
    skus: Vec<String>,
    numbers: HashMap<String, usize>,
    baskets: Vec<Box<[u32]>>,
    /// By product, the baskets with it.
    with: Vec<Vec<u32>>,
    /// By product, its rank by name.
    ranks: Vec<usize>,
}

impl Loaded {
    fn read(tables: &Connection) -> rusqlite::Result<Loaded> {
        let mut loaded = Loaded {
            skus: Vec::new(),
            numbers: HashMap::new(),
            baskets: Vec::new(),
            with: Vec::new(),
            ranks: Vec::new(),
        };
        let mut statement = tables.prepare_cached("SELECT skus FROM baskets")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let basket = index(loaded.baskets.len());
            let skus = row.get_ref(0)?.as_str()?.split(' ');
            let numbers = skus.filter(|sku| !sku.is_empty()).map(|sku| {
                let number = match loaded.numbers.get(sku) {
                    Some(number) => *number,
                    None => {
                        let number = loaded.skus.len();
                        loaded.skus.push(sku.to_owned());
                        loaded.numbers.insert(sku.to_owned(), number);
                        loaded.with.push(Vec::new());
                        number
                    }
                };
                loaded.with[number].push(basket);
                index(number)
            });
            let numbers = numbers.collect();
            loaded.baskets.push(numbers);
        }
        let mut by_name: Vec<usize> = (0..loaded.skus.len()).collect();
        by_name.sort_unstable_by_key(|product| &loaded.skus[*product]);
        loaded.ranks = vec![0; by_name.len()];
        for (rank, product) in by_name.into_iter().enumerate() {
            loaded.ranks[product] = rank;
        }
        Ok(loaded)
    }

    /// Calls `visit` for each product that shares baskets with `first`, with their number.
    fn partners(&self, first: usize, mut visit: impl FnMut(usize, u64)) {
        let mut shared = vec![0u64; self.skus.len()];
        for basket in &self.with[first] {
            for other in &self.baskets[*basket as usize] {
                shared[*other as usize] += 1;
            }
        }
        for (other, carts) in shared.into_iter().enumerate() {
            if other != first && carts > 0 {
                visit(other, carts);
            }
        }
    }

    /// Whether `first` is the rarer of two products.
    fn leads(&self, first: usize, second: usize) -> bool {
        let rank = |product: usize| (self.with[product].len(), self.ranks[product]);
        rank(first) < rank(second)
    }

    #[expect(clippy::cast_precision_loss, reason = "shares, not amounts")]
    fn pair(&self, ranked: &Ranked) -> Pair {
        let all = self.baskets.len() as f64;
        let both = ranked.carts as f64;
        let confidence = both / self.with[ranked.first].len() as f64;
        Pair {
            sku: self.skus[ranked.first].clone(),
            with: self.skus[ranked.second].clone(),
            carts: ranked.carts,
            support: both / all,
            confidence,
            lift: confidence / (self.with[ranked.second].len() as f64 / all),
        }
    }
}

/// A pair in the order of the result: more carts first, then by name.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ranked {
    carts: u64,
    names: Reverse<(usize, usize)>,
    first: usize,
    second: usize,
}

impl Ranked {
    fn new(loaded: &Loaded, carts: u64, first: usize, second: usize) -> Ranked {
        Ranked {
            carts,
            names: Reverse((loaded.ranks[first], loaded.ranks[second])),
            first,
            second,
        }
    }
}

fn index(number: usize) -> u32 {
    u32::try_from(number).expect("fewer than 2^32 baskets and products")
}
