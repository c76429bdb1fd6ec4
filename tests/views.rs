//! The read side is a pure function of the log: each row is the fold of its cart's events, for any
//! division into batches.

use cartlog::background::Background;
use cartlog::cart::document::CartDocument;
use cartlog::cart::{
    CartCommand, CartEvent, CartModel, Currency, Money, Offer, Offers, Promotion, PromotionOffer,
    RequestedItem, Sku, Terms,
};
use cartlog::commands::{CommandContext, CommandHandler};
use cartlog::decider::fold;
use cartlog::history;
use cartlog::log::sqlite::{SqliteLog, SqliteLogSettings};
use cartlog::log::{Commit, Freshness, Head, LogReader, LogWriter, NewEvent, Position};
use cartlog::timestamp::Timestamp;
use cartlog::views::{self, Updater, ViewStore};
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::watch;
use uuid::Uuid;

const NAMES: [&str; 4] = ["tea", "mug", "pot", "cup"];

fn offer(name: &str, price: i64) -> Offer {
    Offer {
        sku: Sku::parse(name).unwrap(),
        name: format!("“{name}”").into(),
        unit_price: Money::from_minor(price),
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

/// The shop always sells all of it.
fn all_offers() -> Arc<Offers> {
    Offers::new(NAMES.map(|name| offer(name, 99)), [tenth_off()]).into()
}

/// A log with its views beside it.
struct Shop {
    folder: TempDir,
    log: Arc<SqliteLog>,
    _writer: Background,
    dice: u64,
    carts: Vec<Uuid>,
}

fn shop(seed: u64) -> Shop {
    let folder = tempfile::tempdir().unwrap();
    let settings = SqliteLogSettings::at(folder.path().join("events.db"));
    let (log, writer) = SqliteLog::open(&settings).unwrap();
    Shop {
        folder,
        log,
        _writer: writer,
        dice: seed,
        carts: Vec::new(),
    }
}

impl Shop {
    fn views(&self) -> PathBuf {
        self.folder.path().join("views.db")
    }

    /// A number below `end`, the same for the same seed (SplitMix64).
    fn below(&mut self, end: usize) -> usize {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }

    /// Sends `count` commands of all kinds to carts new and old.
    async fn trade(&mut self, count: usize) {
        let commands = CommandHandler::new(CartModel::default(), self.log.clone(), 1 << 16);
        for _ in 0..count {
            let open = self.carts.is_empty() || self.below(8) == 0;
            let (cart, command) = if open {
                // A time of the past: a row depends on its cart's events alone.
                let cart = Uuid::from_u128(0x0199 << 112 | self.carts.len() as u128);
                self.carts.push(cart);
                let token_hash = [u8::try_from(self.carts.len() % 256).unwrap(); 32];
                let open = CartCommand::OpenCart {
                    currency: Currency::EUR,
                    token_hash,
                    items: vec![RequestedItem::offered(self.offer(), 1)],
                };
                (cart, open)
            } else {
                let which = self.below(self.carts.len());
                (self.carts[which], self.wish(&commands, which).await)
            };
            let context = CommandContext::new(command.name(), "shopper");
            // A refusal writes nothing, which is valid too.
            let _ = commands.handle(cart, &command, &context, |_| true).await;
        }
    }

    fn offer(&mut self) -> Offer {
        let name = NAMES[self.below(4)];
        offer(name, [0, 99, 1_999][self.below(3)])
    }

    async fn wish(&mut self, commands: &CommandHandler<CartModel>, which: usize) -> CartCommand {
        let offer = self.offer();
        let quantity = u32::try_from(self.below(5)).unwrap();
        match self.below(20) {
            0..8 => CartCommand::AddItem(RequestedItem::offered(offer, quantity)),
            8..12 => CartCommand::SetQuantity(RequestedItem::offered(offer, quantity)),
            12 => CartCommand::RemoveItem { sku: offer.sku },
            13 => CartCommand::ClearCart,
            14 | 15 => CartCommand::ApplyPromotion {
                promotion: Some(tenth_off()),
            },
            16 => CartCommand::RemovePromotion,
            17 | 18 => CartCommand::Undo,
            _ => {
                let (cart, _) = commands.state(self.carts[which]).await.unwrap();
                let contents = cart.contents().unwrap();
                if self.below(2) == 0 {
                    CartCommand::Expire {
                        idle_since: contents.changed_at,
                    }
                } else {
                    CartCommand::Checkout {
                        expected_total: contents.total(),
                        order_id: Uuid::now_v7(),
                        offers: all_offers(),
                    }
                }
            }
        }
    }

    async fn updater(&self) -> Updater {
        let store = ViewStore::open(&self.views(), views::all(), &*self.log)
            .await
            .unwrap();
        Updater::new(self.log.clone(), store, 1 << 16)
    }

    /// Brings the views up to date, as a start would, and says how many events that took.
    async fn catch_up(&self) -> usize {
        let mut updater = self.updater().await;
        let mut applied = 0;
        loop {
            match updater.catch_up_once().await.unwrap() {
                0 => return applied,
                some => applied += some,
            }
        }
    }

    /// The rows of the cart view.
    fn rows(&self) -> BTreeMap<Uuid, (u64, Vec<u8>, String)> {
        let file = Connection::open_with_flags(self.views(), OpenFlags::SQLITE_OPEN_READ_ONLY);
        let file = file.unwrap();
        let mut rows = file
            .prepare("SELECT id, version, token_hash, document FROM carts")
            .unwrap();
        let rows = rows.query_map([], |row| {
            let id = Uuid::from_bytes(row.get(0)?);
            Ok((id, (row.get(1)?, row.get(2)?, row.get(3)?)))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// What the rows have to be: each cart's events, folded.
    async fn folded(&self) -> BTreeMap<Uuid, (u64, Vec<u8>, String)> {
        let mut rows = BTreeMap::new();
        for cart in &self.carts {
            let mut events = Vec::new();
            history::for_each(
                &*self.log,
                *cart,
                cartlog::log::Version(0),
                None,
                Freshness::Any,
                |recorded| {
                    events.push(history::decode::<CartEvent>(&recorded)?);
                    Ok(())
                },
            )
            .await
            .unwrap();
            let folded = fold::<CartModel>(&events);
            let document = CartDocument::of(*cart, &folded).unwrap().to_json();
            let contents = folded.contents().unwrap();
            rows.insert(
                *cart,
                (
                    events.len() as u64,
                    contents.token_hash.to_vec(),
                    String::from_utf8(document).unwrap(),
                ),
            );
        }
        rows
    }

    fn delete_views(&self) {
        for suffix in ["", "-wal", "-shm"] {
            // SQLite removes the files beside a database when it is closed.
            let _ = std::fs::remove_file(self.folder.path().join(format!("views.db{suffix}")));
        }
        assert!(!self.views().exists());
    }

    fn write(&self, statement: &str) {
        let file = Connection::open(self.views()).unwrap();
        file.execute_batch(statement).unwrap();
    }
}

#[tokio::test]
async fn rows_equal_the_fold_of_their_cart_after_random_commands() {
    for seed in 0..4 {
        let mut shop = shop(seed);
        shop.trade(600).await;
        shop.catch_up().await;
        let rows = shop.rows();
        assert_eq!(rows.len(), shop.carts.len());
        assert_eq!(rows, shop.folded().await, "seed {seed}");
    }
}

#[tokio::test]
async fn rows_do_not_depend_on_the_division_into_batches() {
    let mut shop = shop(7);
    let mut updater = shop.updater().await;
    for size in [1, 2, 50, 1, 300, 3] {
        shop.trade(size).await;
        while updater.catch_up_once().await.unwrap() > 0 {}
        assert_eq!(shop.rows(), shop.folded().await);
    }
    drop(updater);
    let piecewise = shop.rows();
    shop.delete_views();
    let all = shop.log.barrier().await.unwrap();
    assert_eq!(shop.catch_up().await as u64, all.0);
    assert_eq!(shop.rows(), piecewise);
}

#[tokio::test]
async fn catching_up_takes_several_batches_and_ends_at_the_log_end() {
    let mut shop = shop(8);
    shop.trade(2_600).await;
    let end = shop.log.barrier().await.unwrap();
    assert!(end.0 > 2_048, "{end}");
    let mut updater = shop.updater().await;
    let progress = updater.progress();
    let first = updater.catch_up_once().await.unwrap();
    assert!(first > 0 && (first as u64) < end.0);
    assert_eq!(progress.borrow().position, Position(first as u64));
    while updater.catch_up_once().await.unwrap() > 0 {}
    assert_eq!(progress.borrow().position, end);
    assert_eq!(shop.rows(), shop.folded().await);
}

#[tokio::test]
async fn current_views_are_kept_and_resume_at_their_checkpoint() {
    let mut shop = shop(9);
    shop.trade(100).await;
    assert!(shop.catch_up().await > 0);
    assert_eq!(shop.catch_up().await, 0);
    let before = shop.log.barrier().await.unwrap();
    shop.trade(100).await;
    let after = shop.log.barrier().await.unwrap();
    assert_eq!(shop.catch_up().await as u64, after.0 - before.0);
    assert_eq!(shop.rows(), shop.folded().await);
}

#[tokio::test]
async fn views_that_do_not_fit_the_log_are_rebuilt() {
    let mut shop = shop(10);
    shop.trade(100).await;
    shop.catch_up().await;
    let rows = shop.rows();
    let all = shop.log.barrier().await.unwrap();
    for (what, statement) in [
        ("another log", "UPDATE checkpoint SET log = randomblob(16)"),
        ("older definitions", "UPDATE definitions SET definition = 0"),
        (
            "ahead of the log",
            "UPDATE checkpoint SET position = 1000000",
        ),
        ("without a checkpoint", "DELETE FROM checkpoint"),
        ("without the tables", "DROP TABLE checkpoint"),
    ] {
        // The other rows are rebuilt with it.
        shop.write("UPDATE carts SET document = 'stale'");
        shop.write(statement);
        assert_eq!(shop.catch_up().await as u64, all.0, "{what}");
        assert_eq!(shop.rows(), rows, "{what}");
    }
    // A file that is no database may belong to another program, so it is kept.
    for number in 1..=2 {
        let text = format!("this is no database {number}").repeat(1_000);
        shop.delete_views();
        std::fs::write(shop.views(), &text).unwrap();
        assert_eq!(shop.catch_up().await as u64, all.0, "no database");
        assert_eq!(shop.rows(), rows);
        let kept = shop.views().with_extension(format!("db.aside-{number}"));
        assert_eq!(std::fs::read_to_string(kept).unwrap(), text);
    }
    shop.delete_views();
    std::fs::write(shop.views(), "").unwrap();
    assert_eq!(shop.catch_up().await as u64, all.0, "an empty file");
    let kept = shop.views().with_extension("db.aside-3");
    assert!(!kept.exists(), "nothing is not kept");
}

/// An older program meets an event that a newer one has written, as in a rolling upgrade.
#[tokio::test]
async fn views_stop_before_an_event_of_a_newer_program() {
    let mut shop = shop(7);
    shop.trade(40).await;
    let before = shop.log.barrier().await.unwrap();
    let newer = NewEvent {
        name: "CartPainted".into(),
        schema: 1,
        data: "{}".to_owned(),
    };
    let metadata = history::CommitMetadata::new("paint", Uuid::now_v7(), "shopper").to_json();
    let cart = Uuid::now_v7();
    let commit = Commit::new(cart, Head::START, Timestamp::now(), metadata, vec![newer]);
    shop.log.append(commit).await.unwrap();
    shop.trade(10).await;
    let store = ViewStore::open(&shop.views(), views::all(), &*shop.log).await;
    let updater = Updater::new(shop.log.clone(), store.unwrap(), 1 << 20);
    let (mut health, mut progress) = (updater.health(), updater.progress());
    let (stop, stopping) = watch::channel(false);
    let (ended, ()) = tokio::join!(updater.run(stopping), async {
        let failure = health.wait_for(Option::is_some).await.unwrap().clone();
        let reason = failure.unwrap().reason;
        for part in ["CartPainted", "newer program", "Upgrade this node"] {
            assert!(reason.contains(part), "{reason}");
        }
        let written = progress.wait_for(|progress| progress.position >= before);
        let written = *written.await.unwrap();
        assert_eq!(written.position, before);
        assert!(written.is_complete(), "they answer what they have");
        stop.send_replace(true);
    });
    ended.unwrap();
}
