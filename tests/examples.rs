//! The models of `examples/`, which use the log and command handler of carts.

#[path = "../examples/chess.rs"]
mod chess;
#[path = "../examples/write_ahead_log.rs"]
mod write_ahead_log;

use cartlog::commands::CommandError;
use chess::{Club, DETOUR, OPERA, STRAIGHT, squares};
use cozy_chess::util::parse_san_move;
use cozy_chess::{Board, GameStatus};
use std::collections::BTreeMap;
use uuid::Uuid;
use write_ahead_log::{Database, Transaction, recover};

/// Contract (records): Two other models work on the same log.
#[test]
fn both_examples_run_to_completion() {
    chess::main();
    write_ahead_log::main();
}

#[tokio::test]
async fn board_after_any_move_is_reproduced_from_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let club = Club::open(folder.path());
    let game = Uuid::now_v7();
    let mut board = Board::default();
    let mut boards = vec![board.clone()];
    for text in OPERA.split_whitespace() {
        board.play(parse_san_move(&board, text).unwrap());
        boards.push(board.clone());
        assert_eq!(club.play(game, text).await.unwrap(), board, "{text}");
    }
    for (moves, board) in (0..).zip(&boards) {
        assert_eq!(club.board_after(game, moves).await, *board, "{moves}");
    }
    assert_eq!(board.status(), GameStatus::Won);
    let refused = club.play(game, "Kd7").await.unwrap_err();
    assert!(
        matches!(refused, CommandError::Refused(chess::Refusal::Over)),
        "{refused}"
    );
    assert_eq!(club.board_after(game, 100).await, board);
}

#[tokio::test]
async fn illegal_move_is_refused_and_not_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let club = Club::open(folder.path());
    let game = Uuid::now_v7();
    for text in ["e5", "O-O", "Ke2", "x", ""] {
        let refused = club.play(game, text).await.unwrap_err();
        let illegal = chess::Refusal::Illegal(text.to_owned());
        assert!(
            matches!(&refused, CommandError::Refused(why) if *why == illegal),
            "{refused}"
        );
    }
    assert_eq!(club.board_after(game, 100).await, Board::default());
}

#[tokio::test]
async fn squares_do_not_determine_castling_but_moves_do() {
    let folder = tempfile::tempdir().unwrap();
    let club = Club::open(folder.path());
    let [straight, detour] = [Uuid::now_v7(), Uuid::now_v7()];
    for (game, moves) in [(straight, STRAIGHT), (detour, DETOUR)] {
        for text in moves.split_whitespace() {
            club.play(game, text).await.unwrap();
        }
    }
    let boards = [
        club.board_after(straight, 6).await,
        club.board_after(detour, 10).await,
    ];
    assert_eq!(squares(&boards[0]), squares(&boards[1]));
    assert!(club.play(straight, "O-O").await.is_ok());
    assert!(club.play(detour, "O-O").await.is_err());
}

#[tokio::test]
async fn truncated_log_recovers_whole_transactions_only() {
    const ACCOUNTS: [&str; 4] = ["ann", "ben", "cem", "dag"];
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path(), Uuid::now_v7());
    let mut random = fastrand::Rng::with_seed(2026);
    // At index n: the table after the last transaction completed by the first n changes.
    let mut tables = vec![BTreeMap::new()];
    let mut refused = 0;
    for turn in 0..200 {
        let [from, to] = std::array::from_fn(|_| ACCOUNTS[random.usize(..ACCOUNTS.len())]);
        let amount = random.u64(1..100);
        let (transaction, changes) = match turn % 4 {
            0 => (Transaction::Deposit(to, amount), 2),
            _ => (Transaction::Transfer(from, to, amount), 3),
        };
        let before = tables.last().cloned().unwrap_or_default();
        match database.run(transaction).await {
            Ok(after) if after.rows == before => assert_eq!(from, to),
            Ok(after) => {
                tables.extend((1..changes).map(|_| before.clone()));
                tables.push(after.rows);
            }
            Err(CommandError::Refused(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    let changes = database.changes().await.unwrap();
    assert_eq!(changes.len() + 1, tables.len());
    assert!(refused > 10 && changes.len() > 200, "{refused}");
    for (end, table) in tables.iter().enumerate() {
        assert_eq!(recover(&changes[..end]), *table, "{end}");
    }
}

#[tokio::test]
async fn transfer_beyond_balance_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path(), Uuid::now_v7());
    database.run(Transaction::Deposit("ann", 5)).await.unwrap();
    database.run(Transaction::Deposit("ben", 1)).await.unwrap();
    for (transaction, refusal) in [
        (
            Transaction::Transfer("ann", "cem", 1),
            write_ahead_log::Refusal::NoAccount("cem"),
        ),
        (
            Transaction::Transfer("ann", "ben", 6),
            write_ahead_log::Refusal::TooLittle("ann"),
        ),
        (
            Transaction::Deposit("ann", u64::MAX),
            write_ahead_log::Refusal::TooMuch("ann"),
        ),
    ] {
        let refused = database.run(transaction).await.unwrap_err();
        assert!(
            matches!(&refused, CommandError::Refused(why) if *why == refusal),
            "{refused}"
        );
    }
    assert_eq!(database.changes().await.unwrap().len(), 4);
}
