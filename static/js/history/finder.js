/**
 * Finds the first event after which something held. A total falls as well as rises, so halving the
 * history would miss events: every one is looked at, in order.
 */

import { byId, element, setText } from "../page/element.js";
import { count, money, parseAmount } from "../page/format.js";
import { stepLink } from "./playback.js";

/**
 * @import { CartHistory } from "./cart_history.js"
 * @import { Moment } from "./moment.js"
 * @import { EventList } from "./event_list.js"
 * @import { Fold, State } from "./fold.js"
 *
 * @typedef {{ words: string, holds: (state: State) => boolean, shows: (state: State) => string }}
 *   Question
 */

/**
 * Where `holds` became true within the first `head` events, and how often it became true again.
 * @param {Fold} fold
 * @param {number} head
 * @param {(state: State) => boolean} holds
 */
export function crossings(fold, head, holds) {
  /** @type {number[]} */
  const found = [];
  let held = false;
  for (let version = 1; version <= head; version += 1) {
    const holdsNow = holds(fold.at(version));
    if (holdsNow && !held) found.push(version);
    held = holdsNow;
  }
  return { found, held };
}

export class Finder {
  #page;
  #eventList;
  #what = byId("find-what");
  #value = byId("find-value");
  #sku = byId("find-sku");
  /** @type {Moment | null} */
  #moment = null;
  #shown = "";

  /**
   * @param {CartHistory} page
   * @param {EventList} eventList
   */
  constructor(page, eventList) {
    this.#page = page;
    this.#eventList = eventList;
    this.#what.addEventListener("change", () => this.#arrange());
    byId("find").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#find();
    });
    this.#arrange();
  }

  /** @param {Moment} moment */
  show(moment) {
    this.#moment = moment;
    // The answer is about a history: another one has another answer.
    if (moment.variant !== this.#shown) byId("find-words").replaceChildren();
    this.#shown = moment.variant;
    const { movesBySku } = this.#eventList;
    if (this.#sku.options.length === movesBySku.size) return;
    const names = [...movesBySku].map(([sku, [first]]) =>
      element("option", { value: sku }, this.#eventList.event(first).data.name),
    );
    this.#sku.replaceChildren(...names);
  }

  #arrange() {
    const what = this.#what.value;
    byId("find-value-field").hidden = what === "product" || what === "discount";
    byId("find-sku-field").hidden = what !== "product";
    setText(
      byId("find-value-label"),
      what === "units" ? "Units" : `Amount in ${this.#eventList.currency}`,
    );
  }

  /**
   * The question in the form, or why it cannot be read.
   * @returns {Question | string}
   */
  #question() {
    const { currency } = this.#eventList;
    /** @param {State} state */
    const total = (state) => `the total was ${money(state.total, currency)}`;
    const text = this.#value.value;
    if (this.#what.value === "total") {
      const limit = parseAmount(text, currency);
      if (limit === null)
        return `Enter an amount such as ${money(50000, currency)}, without its symbol.`;
      return {
        words: `The total exceeded ${money(limit, currency)}`,
        holds: (state) => state.total > limit,
        shows: total,
      };
    }
    if (this.#what.value === "units") {
      const least = Number(text);
      if (!Number.isSafeInteger(least) || least < 1) return "Enter a whole number from 1.";
      return {
        words: `The cart had ${count(least, "unit")} or more`,
        holds: (state) => unitsIn(state) >= least,
        shows: (state) => `it had ${count(unitsIn(state), "unit")}`,
      };
    }
    if (this.#what.value === "discount")
      return {
        words: "A discount applied",
        holds: (state) => state.discount > 0,
        shows: (state) => `it was ${money(state.discount, currency)}`,
      };
    const sku = this.#sku.value;
    if (!sku) return "No product was ever in this cart.";
    const name = this.#sku.selectedOptions[0]?.textContent ?? sku;
    /** @param {State} state */
    const held = (state) => state.allLines.find((line) => line.sku === sku)?.quantity ?? 0;
    return {
      words: `“${name}” was in the cart`,
      holds: (state) => held(state) > 0,
      shows: (state) => count(held(state), "unit"),
    };
  }

  #find() {
    const moment = this.#moment;
    if (!moment) return;
    const words = byId("find-words");
    const question = this.#question();
    words.classList.toggle("refusal", typeof question === "string");
    if (typeof question === "string") {
      setText(words, question);
      return;
    }
    const { head, fold, hypothetical } = moment;
    const { found, held } = crossings(fold, head, question.holds);
    const where = hypothetical ? " in this what-if" : "";
    const looked =
      `All ${head.toLocaleString("en")} events were looked at in order: what rises can fall ` +
      "again.";
    if (!found.length) {
      setText(words, `Never${where}: ${lowerFirst(question.words)} after none of them. ${looked}`);
      return;
    }
    const [first, ...again] = found;
    const since = again.length
      ? [
          ` It became so ${count(again.length, "more time")}, last at `,
          stepLink(this.#page, again.at(-1) ?? first),
          ".",
        ]
      : [];
    const now = held ? " It still does." : " It no longer does.";
    words.replaceChildren(
      `${question.words} first${where} at event `,
      stepLink(this.#page, first, "found"),
      `: ${question.shows(fold.at(first))}.`,
      ...since,
      `${now} ${looked}`,
    );
    this.#page.go(first);
  }
}

/** @param {State} state */
const unitsIn = (state) => state.allLines.reduce((sum, line) => sum + line.quantity, 0);

/** @param {string} words */
const lowerFirst = (words) => words.charAt(0).toLowerCase() + words.slice(1);
