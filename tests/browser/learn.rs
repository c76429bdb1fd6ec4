//! The page that explains: its chess follows the rules, its log recovers as a database would, and
//! its carts and events are those of the service.

use crate::browser::Browser;
use crate::service::Service;
use crate::stage::{drive, drive_with};
use crate::webdriver::key;
use cozy_chess::util::parse_san_move;
use cozy_chess::{Board, Color, GameStatus, Square};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The oracle is a chess library that plays the moves which the page shows.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn squares_of_each_move_are_those_of_a_chess_library() {
    drive(async |browser, _| {
        browser.open("/learn").await;
        browser.says("chess-now", "The start").await;
        let moves: Vec<String> = browser
            .script(
                "return [...at('chess-moves').querySelectorAll('button')] \
                 .map((it) => it.innerText)",
            )
            .await;
        let mut board = Board::default();
        assert_eq!(browser.board().await, squares_of(&board));
        for text in &moves {
            browser.script::<()>("at('chess-steps-next').click()").await;
            let step = parse_san_move(&board, text).expect("a legal move");
            board.play(step);
            assert_eq!(browser.board().await, squares_of(&board), "after {text}");
        }
        assert_eq!(board.status(), GameStatus::Won);
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn piece_says_how_it_got_to_its_square() {
    drive(async |browser, _| {
        browser.open("/learn").await;
        browser.tab_to("chess-steps-last").await;
        browser.press(key::ENTER).await;
        browser.says("chess-now", "Rd8#, move 17, White").await;
        browser.hears("Rd8#, move 17, White").await;
        browser.tab_back_to("square-e2").await;
        // From e2 to d8 by arrow keys; the board is one stop for the tab key.
        browser.press(&key::UP.repeat(6)).await;
        browser.press(key::LEFT).await;
        browser.focus_is_on("square-d8").await;
        browser.press(key::ENTER).await;
        browser
            .mentions("chess-answer", "white rook started on h1 and moved 2 times")
            .await;
        browser.mentions("chess-answer", "Rd1 to d1").await;
        browser
            .mentions(
                "chess-forgotten",
                "White may not castle: the king moved at move 12",
            )
            .await;
        browser
            .mentions(
                "chess-forgotten",
                "queen from d1 was captured on b8 by Nxb8",
            )
            .await;
        browser.click("square-e2").await;
        browser
            .says(
                "chess-answer",
                "e2 is empty. The white pawn left it with e4, move 1, White.",
            )
            .await;
        browser.click("chess-move-1").await;
        browser.says("chess-now", "e4, move 1, White").await;
        browser
            .says(
                "chess-forgotten-count",
                "0 of 1 move left no trace in the table.",
            )
            .await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn newest_cart_is_shown_and_followed_live() {
    drive(async |browser, _| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        browser.open("/learn").await;
        browser.mentions("cart-rows", "teapot 3 59.97").await;
        browser
            .says(
                "cart-forgotten-count",
                "3 of 6 events left no trace in the table.",
            )
            .await;
        browser.click("cart-event-3").await;
        browser.mentions("cart-rows", "teapot 4 79.96").await;
        browser.click("cart-steps-last").await;
        let items = format!("/api/carts/{cart}/items");
        let notebook = json!({ "sku": "notebook", "quantity": 1 });
        browser.ask("POST", &items, notebook).await;
        browser.mentions("cart-rows", "notebook 1").await;
        browser.mentions("cart-events", "Added 1 × Notebook").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn example_cart_leaves_the_shoppers_cart_alone() {
    drive(async |browser, _| {
        browser.open("/learn").await;
        browser.click("cart-open").await;
        browser.sees("cart-event-6").await;
        browser
            .says(
                "cart-forgotten-count",
                "5 of 6 events left no trace in the table.",
            )
            .await;
        browser
            .mentions("cart-forgotten", "was in the cart and was removed")
            .await;
        browser
            .until("localStorage['cartlog.cart'] === undefined")
            .await;
        browser.click("cart-history").await;
        browser.says("cart-title", "Cart at version 6").await;
    })
    .await;
}

/// The oracle recovers from the lines that the page shows, without their checksums.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn log_cut_at_any_byte_recovers_whole_transactions() {
    drive(async |browser, _| {
        browser.open("/learn").await;
        browser
            .says("wal-words", "3 transactions recovered, 0 lines not.")
            .await;
        browser.click("wal-run").await;
        browser
            .says("wal-words", "4 transactions recovered, 0 lines not.")
            .await;
        let (lines, tables): (Vec<String>, Vec<BTreeMap<String, u64>>) = browser
            .script(
                "const lines = [...at('wal-lines').querySelectorAll('code')]
                     .map((it) => `${it.textContent}\\n`);
                 const slider = at('wal-steps-slider');
                 const tables = [];
                 for (let left = 0; left <= Number(slider.max); left += 1) {
                     slider.value = left;
                     slider.dispatchEvent(new Event('input'));
                     const rows = [...at('wal-rows').rows].filter((it) => it.cells.length === 2);
                     tables.push(Object.fromEntries(rows.map(({ cells }) =>
                         [cells[0].textContent, Number(cells[1].textContent)])));
                 }
                 return [lines, tables];",
            )
            .await;
        let log = lines.concat();
        assert_eq!(tables.len(), log.len() + 1);
        for (left, table) in tables.iter().enumerate() {
            assert_eq!(*table, recovered(&log[..left]), "{left} bytes left");
        }
        assert_eq!(
            tables[log.len()],
            BTreeMap::from([("ann".into(), 40), ("ben".into(), 90)])
        );
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn transaction_without_funds_is_refused() {
    drive(async |browser, _| {
        browser.open("/learn").await;
        browser.select("wal-from", "cho").await;
        browser.click("wal-run").await;
        browser.says("wal-refusal", "cho has only 0.").await;
        browser.select("wal-from", "ann").await;
        browser.click("wal-run").await;
        browser
            .says("wal-refusal", "Choose two different accounts.")
            .await;
        browser.replace("wal-amount", "1.5").await;
        browser.press(key::ENTER).await;
        browser.mentions("wal-refusal", "whole amount").await;
        browser
            .says("wal-words", "3 transactions recovered, 0 lines not.")
            .await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn three_terms_use_the_events_of_the_service() {
    drive(async |browser, _| {
        browser.open("/learn").await;
        browser.mentions("streaming", "Nothing yet").await;
        browser.add_elsewhere("sencha").await;
        browser
            .mentions("streaming", "Added 1 × Sencha, 100 g")
            .await;
        browser.mentions("sourcing", "2 events, open").await;
        browser
            .mentions("driven", "Stock sets 1 × Sencha, 100 g aside")
            .await;
        let cart = browser.order_together(&["teapot", "sencha"], "order").await;
        let id = cart["id"].as_str().expect("an id");
        let short = &id[id.len() - 8..];
        browser
            .mentions("sourcing", &format!("Cart …{short} 4 events, ordered"))
            .await;
        browser.mentions("driven", "Warehouse packs order").await;
    })
    .await;
}

/// The log of all carts is the operator's; a visitor's own cart has a stream, too.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn visitor_sees_own_events_where_the_log_is_private() {
    let service = Service::start_with(&[("security.operator_token", "a token of this test")]);
    drive_with(service, async |browser, _| {
        browser.open("/learn").await;
        browser
            .mentions("terms-words", "for the shop’s operator")
            .await;
        browser.click("cart-open").await;
        browser.mentions("terms-words", "live.").await;
        browser.mentions("driven", "Stock puts").await;
    })
    .await;
}

impl Browser {
    /// The accessible names of the squares, such as `a1, white rook`.
    async fn board(&self) -> Vec<String> {
        self.script(
            "return [...at('square-a8').closest('table').querySelectorAll('button')] \
             .map((it) => it.ariaLabel)",
        )
        .await
    }

    /// Chooses an option of a list by its value.
    async fn select(&self, id: &str, value: &str) {
        self.sees(id).await;
        let (id, value) = (json!(id), json!(value));
        self.script::<Value>(&format!("at({id}).value = {value}; return null"))
            .await;
    }
}

/// What the page should call the squares of a board, from a8 to h1.
fn squares_of(board: &Board) -> Vec<String> {
    let ranks = (0..8).rev();
    let squares = ranks.flat_map(|rank| (0..8).map(move |file| Square::index(rank * 8 + file)));
    let names = squares.map(|square| {
        let Some((color, piece)) = board.color_on(square).zip(board.piece_on(square)) else {
            return format!("{square}, empty");
        };
        let color = if color == Color::White {
            "white"
        } else {
            "black"
        };
        format!("{square}, {color} {}", format!("{piece:?}").to_lowercase())
    });
    names.collect()
}

/// The balances after all transactions whose commit is in the log.
fn recovered(log: &str) -> BTreeMap<String, u64> {
    let (mut rows, mut pending) = (BTreeMap::new(), BTreeMap::new());
    for line in log
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
    {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [_, "write", account, balance, _] => {
                pending.insert(account.to_owned(), balance.parse().expect("a balance"));
            }
            [_, "commit", _] => rows.append(&mut pending),
            _ => panic!("{line}"),
        }
    }
    rows
}
