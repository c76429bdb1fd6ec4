//! Reads during the switch to rebuilt views.

use super::*;
use crate::cart::{CartCommand, CartModel, Currency, Money, Offer, RequestedItem, Sku};
use crate::commands::{CommandContext, CommandHandler};
use crate::log::sqlite::{SqliteLog, SqliteLogSettings};
use crate::log::{LogReader, LogWriter};
use crate::views::{Reader, ViewStore, all};
use uuid::Uuid;

const CART: Uuid = Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001);

#[tokio::test]
async fn events_during_a_switch_to_rebuilt_views_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let settings = SqliteLogSettings::at(folder.path().join("events.db"));
    let (log, _writer) = SqliteLog::open(&settings).unwrap();
    let commands = CommandHandler::new(CartModel::default(), log.clone(), 1 << 20);
    let send = async |command: CartCommand| {
        let context = CommandContext::new(command.name(), "shopper");
        let sent = commands.handle(CART, &command, &context, |_| true);
        sent.await.unwrap().version.0
    };
    let add = || {
        let tea = Offer {
            sku: Sku::parse("tea").unwrap(),
            name: "Tea".into(),
            unit_price: Money::from_minor(100),
            currency: Currency::EUR,
            max_per_cart: None,
        };
        CartCommand::AddItem(RequestedItem::offered(tea, 1))
    };
    send(CartCommand::OpenCart {
        currency: Currency::EUR,
        token_hash: [0; 32],
        items: Vec::new(),
    })
    .await;
    let path = folder.path().join("views.db");
    let store = ViewStore::open(&path, all(), &*log).await.unwrap();
    let mut updater = Updater::new(log.clone(), store, 1 << 20);
    let reader = Reader::new(path.clone(), updater.read_handle());
    updater.catch_up_once().await.unwrap();
    assert_eq!(reader.cart(CART).unwrap().0.unwrap().version, 1);

    // The views have shown one event when the others replace them, and not yet the next.
    send(add()).await;
    updater.project().await.unwrap();
    let newest = send(add()).await;
    let mut candidate = Candidate::create(&path, all(), log.identity(), 1 << 20).unwrap();
    candidate.enable_wal().unwrap();
    let (done, swapped) = oneshot::channel();
    let offered = Replacement { candidate, done };
    updater.replace_with(offered).await.unwrap();
    swapped.await.unwrap().unwrap();
    assert_eq!(reader.cart(CART).unwrap().0.unwrap().version, 2);
    updater.catch_up_once().await.unwrap();
    assert_eq!(reader.cart(CART).unwrap().0.unwrap().version, newest);
    log.close();
}
