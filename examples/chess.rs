//! Chess games on the log and command handler that carts use, with a [`Decider`] of their own. The
//! board is a fold of the moves, so it can be computed after any of them. For comparison, the
//! example shows a table of squares that is updated in place, and what it cannot answer.
//!
//! `cargo run --example chess`

use cartlog::commands::{CommandContext, CommandError, CommandHandler};
use cartlog::decider::{Decider, Event, EventContext, UnreadableEvent};
use cartlog::history;
use cartlog::log::sqlite::{SqliteLog, SqliteLogSettings};
use cartlog::log::{Freshness, Version};
use cozy_chess::util::{display_uci_move, parse_san_move, parse_uci_move};
use cozy_chess::{Board, Color, GameStatus, Piece, Square};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// A move in standard algebraic notation: `Nf3`, `O-O`, `exd8=Q`.
pub struct PlayMove(pub String);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MovePlayed {
    /// The move in UCI notation, such as `g1f3`, which can be read without the board.
    pub squares: String,
}

#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("the game is over")]
    Over,
    #[error("{0} is not a legal move in this position")]
    Illegal(String),
}

/// The model of a game. The rules of chess come from the cozy-chess crate.
pub struct Chess;

impl Decider for Chess {
    type Command = PlayMove;
    type Event = MovePlayed;
    type State = Board;
    type Refusal = Refusal;

    fn initial() -> Board {
        Board::default()
    }

    fn decide(&self, board: &Board, PlayMove(text): &PlayMove) -> Result<Vec<MovePlayed>, Refusal> {
        if board.status() != GameStatus::Ongoing {
            return Err(Refusal::Over);
        }
        let illegal = |_| Refusal::Illegal(text.clone());
        let step = parse_san_move(board, text).map_err(illegal)?;
        let squares = display_uci_move(board, step).to_string();
        Ok(vec![MovePlayed { squares }])
    }

    fn evolve(board: &mut Board, played: &MovePlayed, _: &EventContext<'_>) {
        if let Ok(step) = parse_uci_move(board, &played.squares) {
            // `evolve` cannot fail, so an illegal move in the log changes nothing.
            let _ = board.try_play(step);
        }
    }

    fn weight(_: &Board) -> usize {
        size_of::<Board>()
    }
}

impl Event for MovePlayed {
    const NAMES: &'static [&'static str] = &["MovePlayed"];

    fn name(&self) -> &'static str {
        "MovePlayed"
    }

    fn schema(&self) -> u32 {
        1
    }

    fn data(&self) -> String {
        serde_json::to_string(self).expect("a move can be serialized")
    }

    fn read(name: &str, schema: u32, data: &str) -> Result<Self, UnreadableEvent> {
        let name = name.to_owned();
        if (name.as_str(), schema) != ("MovePlayed", 1) {
            return Err(UnreadableEvent::Unknown { name, schema });
        }
        serde_json::from_str(data).map_err(|error| UnreadableEvent::Malformed {
            name,
            schema,
            reason: error.to_string(),
        })
    }
}

/// Chess games in a log file of the format that carts use.
pub struct Club {
    log: Arc<SqliteLog>,
    commands: CommandHandler<Chess>,
}

impl Club {
    pub fn open(folder: &std::path::Path) -> Club {
        let settings = SqliteLogSettings::at(folder.join("events.db"));
        let (log, _writer) = SqliteLog::open(&settings).expect("the log can be opened");
        let commands = CommandHandler::new(Chess, log.clone(), 1_000_000);
        Club { log, commands }
    }

    /// Plays a move and returns the board after it, once the move is durable.
    pub async fn play(&self, game: Uuid, text: &str) -> Result<Board, CommandError<Refusal>> {
        let context = CommandContext::new("play_move", "player");
        let command = PlayMove(text.to_owned());
        let played = self.commands.handle(game, &command, &context, |_| true);
        Ok(played.await?.state.as_ref().clone())
    }

    /// The board after the first `moves` moves of both players.
    pub async fn board_after(&self, game: Uuid, moves: u64) -> Board {
        let mut board = Chess::initial();
        let (from, to) = (Version(0), Some(Version(moves)));
        history::for_each(&*self.log, game, from, to, Freshness::Any, |recorded| {
            history::evolve::<Chess>(&mut board, &recorded).map(|_| ())
        })
        .await
        .expect("the log can be read");
        board
    }
}

/// The table of a program that updates in place: one row per piece, overwritten by every move. It
/// does not hold whose turn it is or whether a king has moved.
pub type Squares = BTreeMap<Square, (Color, Piece)>;

pub fn squares(board: &Board) -> Squares {
    let row = |square| Some((square, (board.color_on(square)?, board.piece_on(square)?)));
    Square::ALL.into_iter().filter_map(row).collect()
}

/// The board as text, from White's side.
pub fn draw(board: &Board) -> String {
    let fen = board.to_string();
    let pieces = fen.split(' ').next().unwrap_or_default();
    let drawn = pieces.chars().map(|character| match character {
        '/' => "\n".to_owned(),
        '1'..='8' => ". ".repeat(character as usize - '0' as usize),
        piece => format!("{piece} "),
    });
    drawn.collect()
}

/// The Opera Game: Paul Morphy against two consulting players, Paris 1858.
pub const OPERA: &str = "e4 e5 Nf3 d6 d4 Bg4 dxe5 Bxf3 Qxf3 dxe5 Bc4 Nf6 Qb3 Qe7 Nc3 c6 Bg5 b5 \
    Nxb5 cxb5 Bxb5+ Nbd7 O-O-O Rd8 Rxd7 Rxd7 Rd1 Qe6 Bxd7+ Nxd7 Qb8+ Nxb8 Rd8#";
/// Moves after which White may castle.
pub const STRAIGHT: &str = "Nf3 Nf6 g3 g6 Bg2 Bg7";
/// Moves that end in the same squares, but the kings have moved, so White may not castle.
pub const DETOUR: &str = "Nf3 Nf6 g3 g6 Bg2 Bg7 Kf1 Kf8 Ke1 Ke8";

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let club = Club::open(folder.path());
    let [opera, straight, detour] = std::array::from_fn(|_| Uuid::now_v7());
    for (game, moves) in [(opera, OPERA), (straight, STRAIGHT), (detour, DETOUR)] {
        for text in moves.split_whitespace() {
            club.play(game, text).await.expect("a legal move");
        }
    }
    for moves in [0, 30, 33] {
        let board = club.board_after(opera, moves).await;
        println!("After {moves} moves:\n{}\n", draw(&board));
    }
    let boards = [
        ("straight", club.board_after(straight, 6).await),
        ("after a detour", club.board_after(detour, 10).await),
    ];
    for (name, board) in &boards {
        let rows = squares(board).into_iter();
        let rows = rows.map(|(square, (color, piece))| format!(" {square}:{color}{piece}"));
        println!("The squares, {name}:{}", rows.collect::<String>());
    }
    for (game, name) in [(straight, "straight"), (detour, "after a detour")] {
        match club.play(game, "O-O").await {
            Ok(board) => println!("Castling {name}:\n{}", draw(&board)),
            Err(refused) => println!("Castling {name}: {refused}"),
        }
    }
}
