/** The explanation of a number: its sum written out, and its events as a ledger. */

import { byId, element, setText } from "../page/element.js";
import { count, money, signed, signedAmount } from "../page/format.js";
import { stepLink } from "./playback.js";

/**
 * @import { CartHistory } from "./cart_history.js"
 * @import { Moment } from "./moment.js"
 * @import { Reason, Words } from "./reasons.js"
 */

const ROWS = 40;
/** A ledger of at most this many rows is in order; a longer one is newest first. */
const SHORT = 14;
/** The height of the sticky sum, in CSS pixels. */
const SUM_HEIGHT = 44;
/** The longest sum that the timeline of a narrow page shows as a whole. */
const DOCK_LENGTH = 44;

export class Explanation {
  #page;
  #body = byId("why-body");
  #close = byId("why-close");
  #shown = "";
  /** @type {IntersectionObserver | null} */
  #observer = null;
  #rows = ROWS;

  /** @param {CartHistory} page */
  constructor(page) {
    this.#page = page;
    byId("why-total").addEventListener("click", () => page.explain("total"));
    this.#close.addEventListener("click", () => {
      const { why } = page.state;
      page.explain(null);
      /** @type {HTMLElement | null} */
      const number = document.querySelector(`[data-why="${CSS.escape(why ?? "")}"]`);
      number?.focus();
    });
  }

  /** @param {Moment} moment */
  show(moment) {
    const { reason, why, version, variant, state } = moment;
    setText(byId("why-total"), `Why is the total ${money(state.total, state.currency)}?`);
    this.#close.hidden = !reason;
    this.#body.hidden = !reason;
    byId("why-hint").hidden = Boolean(reason);
    const key = `${why} ${version} ${moment.head} ${variant} ${moment.pin}`;
    if (key === this.#shown) return;
    this.#shown = key;
    this.#rows = ROWS;
    const words = reason?.words();
    setText(byId("why-title"), words?.title ?? "Why these numbers?");
    // On a narrow page the explanation is below: the timeline shows the sum as well.
    byId("dock-why").hidden = !reason;
    const sum = words && reason ? `${words.title}: ${words.sum}` : "";
    setText(
      byId("dock-why"),
      reason && words && sum.length > DOCK_LENGTH
        ? `${words.title}: ${written(reason, moment.eventList.currency)}`
        : sum,
    );
    if (reason && words) this.#showReason(reason, words, moment);
  }

  /**
   * @param {Reason} reason
   * @param {Words} words
   * @param {Moment} moment
   */
  #showReason(reason, { sum, note }, moment) {
    const { currency } = moment.eventList;
    this.#body.replaceChildren(
      element("p", { class: "why-value", testid: "explanation-value" }, written(reason, currency)),
      element("p", { class: "why-sum", testid: "explanation-sum" }, sum),
      element("p", { class: "soft small" }, note),
      this.#ledger(reason, moment),
    );
    if (this.#rows === ROWS) this.#body.scrollTop = 0;
  }

  /**
   * @param {Reason} reason
   * @param {Moment} moment
   */
  #ledger(reason, moment) {
    const { currency } = moment.eventList;
    const versions = reason.versions();
    if (!versions.length) return element("p", { class: "soft" }, "No event has changed it yet.");
    const from = Math.max(versions.length - this.#rows, 0);
    /** @param {number} value */
    const write = (value) =>
      reason.field === "quantity" ? signed(value) : signedAmount(value, currency);
    const newestFirst = versions.length > SHORT;
    const shown = newestFirst ? versions.slice(from).reverse() : versions;
    const rows = shown.map((version) => {
      const { words, value } = reason.term(version);
      return element(
        "li",
        { class: version === moment.version ? "here" : "" },
        stepLink(this.#page, version, `term-${version}`),
        element("span", { class: "ledger-words" }, words),
        element(
          "span",
          { class: "ledger-value", data: { sign: value < 0 ? "minus" : "plus" } },
          write(value),
        ),
      );
    });
    const earlier =
      from > 0
        ? element(
            "button",
            {
              class: "link-button",
              type: "button",
              on: { click: () => this.#showEarlier(reason, moment) },
            },
            `Show ${Math.min(from, ROWS * 5)} of ${from.toLocaleString("en")} earlier events`,
          )
        : null;
    const ledger = element("ol", { class: "ledger", testid: "ledger" }, ...rows);
    const sum = element(
      "p",
      { class: "ledger-sum" },
      this.#moreBelow(ledger.lastElementChild),
      element(
        "span",
        {},
        `Sum of ${versions.length > 1 ? "all " : ""}${count(versions.length, "event")}: ` +
          `${written(reason, currency)}`,
      ),
    );
    return element(
      "div",
      {},
      newestFirst ? element("p", { class: "soft small" }, "Newest first:") : null,
      ledger,
      earlier,
      sum,
    );
  }

  /**
   * A note shown while `last` is out of sight: rows that end right at the sum look complete.
   * @param {Element | null} last
   */
  #moreBelow(last) {
    const words = element(
      "span",
      { class: "soft small", testid: "more-below", hidden: true },
      "more below ↓",
    );
    this.#observer?.disconnect();
    this.#observer = new IntersectionObserver(
      ([entry]) => (words.hidden = entry.intersectionRatio >= 0.9),
      { root: this.#body, rootMargin: `0px 0px -${SUM_HEIGHT}px`, threshold: 0.9 },
    );
    if (last) this.#observer.observe(last);
    return words;
  }

  /**
   * @param {Reason} reason
   * @param {Moment} moment
   */
  #showEarlier(reason, moment) {
    this.#rows += ROWS * 5;
    this.#showReason(reason, reason.words(), moment);
  }
}

/** @param {Reason} reason @param {string} currency */
const written = ({ field, value }, currency) =>
  field === "quantity" ? String(value) : money(value, currency);
