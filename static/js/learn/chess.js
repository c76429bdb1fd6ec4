/** Chess: a game as its moves, beside the table of squares that is overwritten by each of them. */

import { byId, element, setAttribute, setText } from "../page/element.js";
import { announce } from "../page/notices.js";
import { showForgotten } from "./forgotten.js";
import {
  forgotten,
  MOVES,
  moveNumber,
  positionAfter,
  SQUARES,
  squareAfter,
  visibleMoves,
} from "./chess_game.js";
import { Stepper } from "./stepper.js";

/** @import { Kind, Piece } from "./chess_game.js" */

/** @type {Record<Kind, string>} */
const GLYPHS = { king: "♚", queen: "♛", rook: "♜", bishop: "♝", knight: "♞", pawn: "♟" };
/** Without this selector some systems draw a pawn as a picture. */
const AS_TEXT = "\ufe0e";
/** @type {Record<string, number>} */
const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -8, ArrowDown: 8 };

export class Chess {
  #stepper;
  /** @type {Map<string, HTMLElement>} */
  #buttons = new Map();
  /** @type {string | null} */
  #asked = null;
  #isStepped = false;

  constructor() {
    this.#drawBoard();
    const moves = MOVES.map(({ ply, san }) =>
      element(
        "li",
        {},
        element(
          "button",
          {
            class: "move",
            type: "button",
            testid: `chess-move-${ply}`,
            "aria-label": `${san}, ${moveNumber(ply)}`,
            on: { click: () => this.#stepper.goTo(ply) },
          },
          san,
        ),
      ),
    );
    byId("chess-moves").replaceChildren(...moves);
    this.#stepper = new Stepper("chess-steps", { show: (ply) => this.#show(ply), name: nameOf });
    this.#stepper.setEnd(MOVES.length);
    this.#stepper.goTo(0);
    this.#isStepped = true;
  }

  #drawBoard() {
    const cells = SQUARES.map((square) => {
      const button = element(
        "button",
        {
          class: "square",
          type: "button",
          tabIndex: -1,
          testid: `square-${square}`,
          on: { click: () => this.#ask(square) },
        },
        element("span", { "aria-hidden": "true" }),
      );
      this.#buttons.set(square, button);
      return element("td", {}, button);
    });
    const rows = [...Array(8).keys()].map((row) =>
      element("tr", {}, ...cells.slice(row * 8, row * 8 + 8)),
    );
    byId("board").replaceChildren(element("tbody", {}, ...rows));
    byId("board").addEventListener("keydown", (event) => this.#move(event));
    this.#focusable("e2");
  }

  /**
   * One square of the board is a tab stop; arrow keys lead to the others.
   * @param {string} square
   */
  #focusable(square) {
    for (const [name, button] of this.#buttons) button.tabIndex = name === square ? 0 : -1;
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const here = SQUARES.findIndex(
      (square) => this.#buttons.get(square) === document.activeElement,
    );
    const by = STEPS[event.key];
    if (here < 0 || !by || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const there = here + by;
    // Left and right stay on their rank.
    if (
      there < 0 ||
      there > 63 ||
      (Math.abs(by) === 1 && Math.floor(there / 8) !== Math.floor(here / 8))
    )
      return;
    this.#focusable(SQUARES[there]);
    this.#buttons.get(SQUARES[there])?.focus();
  }

  /** @param {string} square */
  #ask(square) {
    this.#asked = square;
    this.#focusable(square);
    this.#show(this.#stepper.place);
    announce(byId("chess-answer").innerText);
  }

  /** @param {number} ply */
  #show(ply) {
    const { squares } = positionAfter(ply);
    const move = MOVES[ply - 1];
    const trail = new Set(this.#trail(ply));
    for (const [square, button] of this.#buttons) {
      const piece = squares.get(square);
      setText(button.children[0], piece ? GLYPHS[piece.kind] + AS_TEXT : "");
      button.dataset.piece = piece ? piece.color.toLowerCase() : "none";
      button.dataset.moved = String(square === move?.from || square === move?.to);
      button.dataset.trail = String(trail.has(square));
      button.ariaLabel = `${square}, ${piece ? nameOfPiece(piece) : "empty"}`;
      button.ariaPressed = String(square === this.#asked);
    }
    setText(byId("chess-now"), nameOf(ply));
    [...byId("chess-moves").children].forEach((item, index) => {
      setAttribute(item.children[0], "aria-current", index + 1 === ply ? "step" : null);
      item.classList.toggle("future", index >= ply);
    });
    this.#showTable(ply);
    this.#answer(ply);
    const kept = visibleMoves(ply);
    showForgotten("chess-forgotten", ply, kept, "move", forgotten(ply));
    if (this.#isStepped) announce(nameOf(ply));
  }

  /** @param {number} ply */
  #showTable(ply) {
    const { squares } = positionAfter(ply);
    const to = MOVES[ply - 1]?.to;
    const rows = SQUARES.toSorted().flatMap((square) => {
      const piece = squares.get(square);
      if (!piece) return [];
      return element(
        "tr",
        { class: square === to ? "written" : "" },
        element("th", { scope: "row" }, square),
        element("td", {}, piece.color.toLowerCase()),
        element("td", {}, piece.kind),
      );
    });
    byId("chess-rows").replaceChildren(...rows);
  }

  /**
   * The squares of the asked piece, oldest first.
   * @param {number} ply
   */
  #trail(ply) {
    const { squares, moves } = positionAfter(ply);
    const piece = this.#asked ? squares.get(this.#asked) : undefined;
    return piece
      ? [piece.home, ...(moves.get(piece.home) ?? []).map((at) => squareAfter(piece, at))]
      : [];
  }

  /**
   * Says how the piece on the asked square got there.
   * @param {number} ply
   */
  #answer(ply) {
    const answer = byId("chess-answer");
    if (!this.#asked)
      return answer.replaceChildren("Choose a square to ask how its piece got there.");
    const { squares, moves } = positionAfter(ply);
    const piece = squares.get(this.#asked);
    if (!piece)
      return answer.replaceChildren(
        element("strong", {}, `${this.#asked} is empty.`),
        ` ${visitorsOf(this.#asked, ply)}`,
      );
    const plies = moves.get(piece.home) ?? [];
    const steps = plies.map((at) =>
      element(
        "li",
        {},
        this.#link(at, `${MOVES[at - 1].san} to ${squareAfter(piece, at)}`),
        element("span", { class: "soft" }, `, ${moveNumber(at)}`),
      ),
    );
    const words = plies.length
      ? `started on ${piece.home} and moved ` +
        `${plies.length === 1 ? "once" : `${plies.length} times`}:`
      : `has stood on ${piece.home} since the start.`;
    return answer.replaceChildren(
      element("strong", {}, nameOfPiece(piece)),
      ` ${words}`,
      element("ol", {}, ...steps),
    );
  }

  /**
   * @param {number} ply
   * @param {string} words
   */
  #link(ply, words) {
    return element(
      "button",
      { class: "link-button", type: "button", on: { click: () => this.#stepper.goTo(ply) } },
      words,
    );
  }
}

/** @param {Piece} piece */
const nameOfPiece = ({ kind, color }) => `${color.toLowerCase()} ${kind}`;

/** @param {number} ply */
const nameOf = (ply) => (ply ? `${MOVES[ply - 1].san}, ${moveNumber(ply)}` : "The start");

/**
 * Who stood on an empty square before.
 * @param {string} square
 * @param {number} ply
 */
function visitorsOf(square, ply) {
  const left = MOVES.slice(0, ply).findLast(({ from }) => from === square);
  if (!left) return "Nothing has moved away from it.";
  const piece = positionAfter(left.ply - 1).squares.get(square);
  return piece
    ? `The ${nameOfPiece(piece)} left it with ${left.san}, ${moveNumber(left.ply)}.`
    : "";
}
