/** A game of chess as its moves, and the table of squares as their fold. */

/**
 * @typedef {"king" | "queen" | "rook" | "bishop" | "knight" | "pawn"} Kind
 * @typedef {"White" | "Black"} Color
 *
 * @typedef {object} Piece
 * @property {Kind} kind
 * @property {Color} color
 * @property {string} home Its first square, which identifies it.
 *
 * @typedef {object} Move
 * @property {number} ply Counts the moves of both players from 1.
 * @property {string} san The move in algebraic notation, such as `Nf3`.
 * @property {string} from
 * @property {string} to
 *
 * @typedef {{ piece: Piece, ply: number, square: string }} Capture
 *
 * @typedef {object} Position
 * @property {Map<string, Piece>} squares The table: a piece for each square that is not empty.
 * @property {Capture[]} captures
 * @property {Map<string, number[]>} moves The plies in which each piece has moved, by its home.
 */

/** The Opera Game: Paul Morphy against the Duke of Brunswick and Count Isouard, Paris 1858. */
const OPERA =
  "e2e4:e4 e7e5:e5 g1f3:Nf3 d7d6:d6 d2d4:d4 c8g4:Bg4 d4e5:dxe5 g4f3:Bxf3 d1f3:Qxf3 d6e5:dxe5 " +
  "f1c4:Bc4 g8f6:Nf6 f3b3:Qb3 d8e7:Qe7 b1c3:Nc3 c7c6:c6 c1g5:Bg5 b7b5:b5 c3b5:Nxb5 c6b5:cxb5 " +
  "c4b5:Bxb5+ b8d7:Nbd7 e1c1:O-O-O a8d8:Rd8 d1d7:Rxd7 d8d7:Rxd7 h1d1:Rd1 e7e6:Qe6 b5d7:Bxd7+ " +
  "f6d7:Nxd7 b3b8:Qb8+ d7b8:Nxb8 d1d8:Rd8#";

/** @type {Move[]} */
export const MOVES = OPERA.split(" ").map((text, index) => {
  const [squares, san] = text.split(":");
  return { ply: index + 1, san, from: squares.slice(0, 2), to: squares.slice(2) };
});

const FILES = "abcdefgh";

/** All squares as a board is seen from White's side, from a8 to h1. */
export const SQUARES = [8, 7, 6, 5, 4, 3, 2, 1].flatMap((rank) =>
  [...FILES].map((file) => file + rank),
);

/** @type {Kind[]} */
const BACK_RANK = ["rook", "knight", "bishop", "queen", "king", "bishop", "knight", "rook"];

/** The rook's squares for each way of castling, by the king's. */
const CASTLING = new Map([
  ["e1c1", ["a1", "d1"]],
  ["e1g1", ["h1", "f1"]],
  ["e8c8", ["a8", "d8"]],
  ["e8g8", ["h8", "f8"]],
]);

/** @returns {Position} */
function initial() {
  /** @type {Map<string, Piece>} */
  const squares = new Map();
  /** @param {string} home @param {Kind} kind @param {Color} color */
  const place = (home, kind, color) => squares.set(home, { kind, color, home });
  [...FILES].forEach((file, index) => {
    place(`${file}1`, BACK_RANK[index], "White");
    place(`${file}2`, "pawn", "White");
    place(`${file}7`, "pawn", "Black");
    place(`${file}8`, BACK_RANK[index], "Black");
  });
  return { squares, captures: [], moves: new Map() };
}

/**
 * Folds one move into the position.
 * @param {Position} position
 * @param {Move} move
 */
function evolve({ squares, captures, moves }, { ply, from, to }) {
  const captured = squares.get(to);
  if (captured) captures.push({ piece: captured, ply, square: to });
  /** @param {string} start @param {string} end */
  const carry = (start, end) => {
    const piece = squares.get(start);
    if (!piece) throw new Error(`Move ${ply} starts from ${start}, which is empty`);
    squares.delete(start);
    squares.set(end, piece);
    moves.set(piece.home, [...(moves.get(piece.home) ?? []), ply]);
    return piece;
  };
  const rook = carry(from, to).kind === "king" ? CASTLING.get(from + to) : undefined;
  if (rook) carry(rook[0], rook[1]);
}

/**
 * The position after the first `ply` moves.
 * @param {number} ply
 */
export function positionAfter(ply) {
  const position = initial();
  for (const move of MOVES.slice(0, ply)) evolve(position, move);
  return position;
}

/**
 * Where a piece stood after a ply in which it moved; castling moves a rook, too.
 * @param {Piece} piece
 * @param {number} ply
 */
export function squareAfter(piece, ply) {
  const { from, to } = MOVES[ply - 1];
  return piece.kind === "rook" ? (CASTLING.get(from + to)?.[1] ?? to) : to;
}

/**
 * `move 6, White`: a move of both players has one number.
 * @param {number} ply
 */
export const moveNumber = (ply) => `move ${Math.ceil(ply / 2)}, ${mover(ply)}`;

/**
 * Who makes a move.
 * @param {number} ply
 * @returns {Color}
 */
export const mover = (ply) => (ply % 2 ? "White" : "Black");

/**
 * What the table of squares cannot tell at this point of the game, as a mark and a sentence each.
 * @param {number} ply
 * @returns {[string, string][]}
 */
export function forgotten(ply) {
  const { captures, moves } = positionAfter(ply);
  /** @type {[string, string][]} */
  const facts = [];
  facts.push([
    "the turn",
    ply === MOVES.length
      ? "The game is over: Black is checkmated."
      : `${mover(ply + 1)} is to move.`,
  ]);
  for (const [color, rank] of /** @type {[Color, number][]} */ ([
    ["White", 1],
    ["Black", 8],
  ])) {
    const king = moves.get(`e${rank}`)?.[0];
    const rooks = [
      ["a", "queenside"],
      ["h", "kingside"],
    ].filter(
      ([file]) =>
        !moves.has(file + rank) && !captures.some(({ piece }) => piece.home === file + rank),
    );
    const rights = king
      ? `may not castle: the king moved at ${moveNumber(king)}`
      : rooks.length
        ? `may still castle ${rooks.map(([, side]) => side).join(" or ")}`
        : "may not castle: both rooks have moved or are gone";
    facts.push(["a right", `${color} ${rights}.`]);
  }
  for (const { piece, square, ply: at } of captures.toReversed())
    facts.push([
      "no row",
      `${piece.color}’s ${piece.kind} from ${piece.home} was captured on ${square} by ` +
        `${MOVES[at - 1].san}, ${moveNumber(at)}.`,
    ]);
  return facts;
}

/**
 * How many of the first `ply` moves still show in the table: the last one of each piece on the
 * board.
 * @param {number} ply
 */
export function visibleMoves(ply) {
  const { squares, moves } = positionAfter(ply);
  return new Set([...squares.values()].map(({ home }) => moves.get(home)?.at(-1)).filter(Boolean))
    .size;
}
