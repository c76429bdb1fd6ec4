//! A log with views of its own, filled by random shoppers that are the same for the same seed.

use cartlog::background::Background;
use cartlog::cart::{
    Cart, CartCommand, CartEvent, CartModel, Currency, Money, Offer, Offers, Promotion,
    PromotionOffer, RequestedItem, Sku, Terms,
};
use cartlog::decider::{Decider, EventContext};
use cartlog::history::CommitMetadata;
use cartlog::log::sqlite::{Durability, SqliteLog, SqliteLogSettings};
use cartlog::log::{Commit, Head, LogWriter, NewEvent};
use cartlog::timestamp::Timestamp;
use cartlog::views::{self, Updater, ViewStore};
use futures_util::future::join_all;
use rusqlite::Connection;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use uuid::Uuid;

/// When the shop opens, in milliseconds: 2026-03-01, 09:00.
pub const OPENING: i64 = 1_772_355_600_000;

/// A log and its views in a folder of their own.
pub struct Shop {
    pub folder: TempDir,
    pub log: Arc<SqliteLog>,
    _writer: Background,
}

impl Shop {
    pub fn open() -> Shop {
        Shop::in_folder(tempfile::tempdir().expect("a folder"))
    }

    /// A shop in a folder of its own whose log is a backup of this one's.
    pub fn restored(&self) -> Shop {
        let folder = tempfile::tempdir().expect("a folder");
        let backup = folder.path().join("events.db");
        let log = Connection::open(self.log.path()).expect("the log");
        log.execute("VACUUM INTO ?1", [backup.to_str()])
            .expect("a backup");
        Shop::in_folder(folder)
    }

    fn in_folder(folder: TempDir) -> Shop {
        let settings = SqliteLogSettings {
            path: folder.path().join("events.db"),
            queue: 100_000,
            group: 10_000,
            checkpoint_pages: 8_000,
            durability: Durability::Process,
        };
        let (log, writer) = SqliteLog::open(&settings).expect("a log");
        Shop {
            folder,
            log,
            _writer: writer,
        }
    }

    pub fn views_path(&self) -> PathBuf {
        self.folder.path().join("views.db")
    }

    /// An updater on the views as they are.
    pub async fn updater(&self) -> Updater {
        let store = ViewStore::open(&self.views_path(), views::all(), &*self.log).await;
        Updater::new(self.log.clone(), store.expect("views"), 1_000_000)
    }

    /// The views, once they have applied the whole log.
    pub async fn views(&self) -> Connection {
        let mut updater = self.updater().await;
        while updater.catch_up_once().await.expect("a batch") > 0 {}
        Connection::open(self.views_path()).expect("the views")
    }

    /// Every event as plain JSON, read from the log's file without the code of the service.
    pub fn events(&self) -> Vec<Value> {
        let log = Connection::open(self.log.path()).expect("the log");
        let mut rows = log
            .prepare(
                "SELECT json_object('position', position, 'cart', stream, 'version', version,
                        'type', type, 'at', recorded_at, 'data', json(data), 'meta', json(metadata))
                 FROM events ORDER BY position",
            )
            .expect("events");
        let texts = rows.query_map([], |row| row.get::<_, String>(0));
        texts
            .expect("events")
            .map(|text| serde_json::from_str(&text.expect("an event")).expect("JSON"))
            .collect()
    }

    /// Runs `steps` steps of `shoppers`.
    pub async fn sell(&self, shoppers: &mut Shoppers, steps: usize) {
        let mut commits = Vec::new();
        for _ in 0..steps {
            commits.extend(shoppers.step());
        }
        // Queued in this order; the writer takes them in groups.
        for outcome in join_all(commits.into_iter().map(|commit| self.log.append(commit))).await {
            outcome.expect("appended");
        }
    }
}

/// A generator of numbers that are the same for the same seed (xorshift64*).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let random = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(random).expect("31 bits") % end
    }
}

/// Shoppers who open carts, fill them, hesitate, buy and leave.
pub struct Shoppers {
    chance: Chance,
    carts: Vec<Shopper>,
    now: i64,
    skus: usize,
    offers: Arc<Offers>,
    /// How many carts are in use at the same time.
    crowd: usize,
    opened: u128,
    commands: u128,
}

struct Shopper {
    id: Uuid,
    cart: Cart,
    head: Head,
}

impl Shoppers {
    pub fn new(seed: u64, skus: usize, crowd: usize) -> Shoppers {
        Shoppers {
            chance: Chance::new(seed),
            carts: Vec::new(),
            now: OPENING,
            skus,
            offers: Offers::new((0..skus).map(offer), [tenth_off()]).into(),
            crowd,
            opened: u128::from(seed) << 64,
            commands: 0,
        }
    }

    /// One step of a random shopper; `None` if the model refuses it.
    pub fn step(&mut self) -> Option<Commit> {
        self.now += i64::try_from(self.chance.below(20_000)).expect("20 s");
        if self.chance.below(30) == 0 {
            // Clocks are set back; time runs forward only within a cart.
            self.now -= 60_000;
        }
        if self.carts.len() < self.crowd {
            self.opened += 1;
            let id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + self.opened);
            self.carts.push(Shopper {
                id,
                cart: Cart::NotOpened,
                head: Head::START,
            });
            let command = CartCommand::OpenCart {
                currency: Currency::EUR,
                token_hash: [7; 32],
                items: self.some_items(),
            };
            return self.execute(self.carts.len() - 1, &command);
        }
        let shopper = self.chance.below(self.carts.len());
        let command = match self.chance.below(20) {
            0..=7 => {
                let offer = self.some_offer();
                let quantity = 1 + u32::try_from(self.chance.below(3)).expect("small");
                CartCommand::AddItem(RequestedItem::offered(offer, quantity))
            }
            8..=9 => CartCommand::SetQuantity(RequestedItem {
                sku: self.some_offer().sku,
                quantity: 0,
                offer: None,
            }),
            10..=11 => CartCommand::RemoveItem {
                sku: self.some_held(shopper),
            },
            12 => CartCommand::ApplyPromotion {
                promotion: Some(tenth_off()),
            },
            13 => CartCommand::RemovePromotion,
            14..=15 => CartCommand::Undo,
            16..=17 => CartCommand::Checkout {
                expected_total: self.carts[shopper]
                    .cart
                    .contents()
                    .map_or(Money::ZERO, cartlog::cart::state::Contents::total),
                order_id: Uuid::from_u128(self.commands),
                offers: self.offers.clone(),
            },
            18 => CartCommand::ClearCart,
            _ => {
                // The shopper abandons the cart; sometimes it expires.
                if self.chance.below(2) == 0 {
                    self.carts.swap_remove(shopper);
                    return None;
                }
                CartCommand::Expire {
                    idle_since: self.carts[shopper].head.recorded_at,
                }
            }
        };
        self.execute(shopper, &command)
    }

    fn execute(&mut self, shopper: usize, command: &CartCommand) -> Option<Commit> {
        let who = &mut self.carts[shopper];
        let events = CartModel::default().decide(&who.cart, command).ok()?;
        if events.is_empty() {
            return None;
        }
        self.commands += 1;
        let metadata =
            CommitMetadata::new(command.name(), Uuid::from_u128(self.commands), "shopper");
        let commit = Commit::new(
            who.id,
            who.head,
            Timestamp::from_millis(self.now),
            metadata.to_json(),
            events.iter().map(NewEvent::of).collect(),
        );
        for (recorded, event) in commit.events().iter().zip(&events) {
            let moment = EventContext {
                version: recorded.version.0,
                at: recorded.recorded_at,
                command: command.name(),
                command_id: metadata.command_id,
            };
            CartModel::evolve(&mut who.cart, event, &moment);
        }
        who.head = Head::at(commit.events().last().expect("events"));
        if matches!(who.cart, Cart::Closed(_)) {
            self.carts.swap_remove(shopper);
        }
        Some(commit)
    }

    fn some_items(&mut self) -> Vec<RequestedItem> {
        (0..self.chance.below(3))
            .map(|_| RequestedItem::offered(self.some_offer(), 1))
            .collect()
    }

    /// Low numbers are the popular products.
    fn some_offer(&mut self) -> Offer {
        let number = self
            .chance
            .below(self.skus)
            .min(self.chance.below(self.skus));
        offer(number)
    }

    fn some_held(&mut self, shopper: usize) -> Sku {
        let held: Vec<Sku> = self.carts[shopper]
            .cart
            .contents()
            .map(|contents| contents.lines().map(|line| line.sku.clone()).collect())
            .unwrap_or_default();
        match held.len() {
            0 => self.some_offer().sku,
            many => held[self.chance.below(many)].clone(),
        }
    }
}

/// Product number `number`.
pub fn offer(number: usize) -> Offer {
    Offer {
        sku: Sku::parse(&format!("sku-{number}")).expect("a sku"),
        name: format!("Product {number}").into(),
        unit_price: Money::from_minor(100 + i64::try_from(number).expect("small") * 7),
        currency: Currency::EUR,
        max_per_cart: None,
    }
}

fn tenth_off() -> PromotionOffer {
    PromotionOffer {
        promotion: Promotion {
            code: "TENTH".into(),
            description: "10 % off".into(),
            terms: Terms::Percent(10),
        },
        currency: Currency::EUR,
    }
}

/// One commit that opens the cart `id` at `at` with `events` behind the opening.
pub fn cart_of(id: Uuid, at: Timestamp, events: &[CartEvent]) -> Commit {
    let metadata = CommitMetadata::new("open_cart", id, "shopper");
    let events = events.iter().map(NewEvent::of);
    Commit::new(id, Head::START, at, metadata.to_json(), events.collect())
}
