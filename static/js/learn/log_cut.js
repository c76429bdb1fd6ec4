/** The write-ahead log: run transactions, cut the log off anywhere, recover the table. */

import { byId, element, setText } from "../page/element.js";
import { count } from "../page/format.js";
import { announce } from "../page/notices.js";
import { showForgotten } from "./forgotten.js";
import { Stepper } from "./stepper.js";
import { linesOf, recover } from "./write_ahead_log.js";

/** @import { Fate, Transaction } from "./write_ahead_log.js" */

/** @type {Transaction[]} */
const FIRST = [
  { from: null, to: "ann", amount: 100 },
  { from: null, to: "ben", amount: 20 },
  { from: "ann", to: "ben", amount: 70 },
];
const MOST_LINES = 60;
/** @type {Record<Fate, string>} */
const FATES = {
  redone: "redone",
  discarded: "discarded: no commit",
  torn: "torn: wrong checksum",
  lost: "lost",
};

export class LogCut {
  /** @type {string[]} */
  #lines = [];
  #stepper;
  #isStarted = false;

  constructor() {
    this.#stepper = new Stepper("wal-steps", {
      show: (left) => this.#show(left),
      name: (left) => `${count(left, "byte")} left`,
    });
    byId("wal-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#run();
    });
    byId("wal-reset").addEventListener("click", () => this.#reset());
    this.#reset();
    this.#isStarted = true;
  }

  get #length() {
    return this.#lines.reduce((sum, line) => sum + line.length, 0);
  }

  #reset() {
    this.#lines = [];
    for (const transaction of FIRST) this.#append(transaction);
    setText(byId("wal-refusal"), "");
    this.#restart();
  }

  /** @param {Transaction} transaction */
  #append(transaction) {
    const { table } = recover(this.#lines, this.#length);
    this.#lines.push(...linesOf(table, transaction, this.#lines.length + 1));
  }

  #run() {
    try {
      if (this.#lines.length >= MOST_LINES) throw new Error("This log is full. Start over.");
      this.#append({
        from: byId("wal-from").value || null,
        to: byId("wal-to").value,
        amount: Number(byId("wal-amount").value),
      });
      setText(byId("wal-refusal"), "");
      this.#restart();
    } catch (error) {
      setText(byId("wal-refusal"), error.message);
    }
  }

  #restart() {
    let end = 0;
    const ends = this.#lines.map((line) => (end += line.length));
    this.#stepper.setEnd(end, ends);
    this.#stepper.goTo(end);
  }

  /** @param {number} left */
  #show(left) {
    const { table, committed, fates } = recover(this.#lines, left);
    let start = 0;
    const items = this.#lines.map((line, index) => {
      const text = line.trimEnd();
      const there = Math.min(Math.max(left - start, 0), text.length);
      start += line.length;
      return element(
        "li",
        { data: { fate: fates[index] }, testid: `wal-line-${index + 1}` },
        element(
          "code",
          {},
          element("span", {}, text.slice(0, there)),
          element("s", {}, text.slice(there)),
        ),
        element("span", { class: "mark" }, FATES[fates[index]]),
      );
    });
    byId("wal-lines").replaceChildren(...items);
    const rows = [...table]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([account, balance]) =>
        element(
          "tr",
          {},
          element("th", { scope: "row" }, account),
          element("td", {}, String(balance)),
        ),
      );
    byId("wal-rows").replaceChildren(
      ...(rows.length
        ? rows
        : [element("tr", {}, element("td", { colSpan: 2, class: "soft" }, "no rows"))]),
    );
    const words =
      `${count(committed, "transaction")} recovered, ` +
      `${count(fates.filter((fate) => fate !== "redone").length, "line")} not.`;
    setText(byId("wal-words"), words);
    const redone = this.#lines.filter((_, index) => fates[index] === "redone");
    showForgotten("wal-forgotten", redone.length, table.size, "line", factsOf(redone));
    if (this.#isStarted) announce(`${count(left, "byte")} left: ${words}`);
  }
}

/**
 * What the balances alone cannot tell: what they were before, and which of them changed together.
 * @param {string[]} lines The lines that were redone.
 * @returns {[string, string][]}
 */
function factsOf(lines) {
  /** @type {Map<string, string[]>} */
  const balances = new Map();
  /** @type {string[]} */
  let changed = [];
  /** @type {[string, string][]} */
  const together = [];
  for (const [, kind, account, balance] of lines.map((line) => line.split(" "))) {
    if (kind === "write") {
      balances.set(account, [...(balances.get(account) ?? []), balance]);
      changed.push(account);
      continue;
    }
    if (changed.length > 1)
      together.push([
        "together",
        `${changed.join(" and ")} changed in one transaction, or not at all.`,
      ]);
    changed = [];
  }
  /** @type {[string, string][]} */
  const overwritten = [...balances]
    .filter(([, values]) => values.length > 1)
    .map(([account, values]) => ["overwritten", `${account}: ${values.join(" → ")}`]);
  return [...overwritten, ...together.slice(-1)];
}
