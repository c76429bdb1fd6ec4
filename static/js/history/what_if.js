/** The what-if banner: the skipped events and their effect. Nothing is written. */

import { byId, element, setText } from "../page/element.js";
import { money, signed, signedAmount } from "../page/format.js";
import { isTemporary, request } from "../service/request.js";
import { whenBack } from "../service/retry.js";
import { difference, documentOf } from "./fold.js";

/**
 * @import { CartHistory, Moment } from "./cart_history.js"
 * @import { EventList } from "./event_list.js"
 */

const NAMED = 6;

export class WhatIf {
  #page;
  #eventList;
  #shown = "";
  #checked = "";

  /**
   * @param {CartHistory} page
   * @param {EventList} eventList
   */
  constructor(page, eventList) {
    this.#page = page;
    this.#eventList = eventList;
    byId("what-if-end").addEventListener("click", () => page.skip([]));
  }

  /** @param {Moment} moment */
  show(moment) {
    const { without, version, head } = moment;
    const key = `${without} ${version}`;
    if (key === this.#shown) return;
    this.#shown = key;
    byId("what-if").hidden = without.length === 0;
    document.body.classList.toggle("hypothetical", without.length > 0);
    if (!without.length) return;
    const { currency } = this.#eventList;
    const { lines, sums } = difference(moment.actual, moment.state);
    const [was, is] = sums.total;
    /** @param {number} it */
    const chip = (it) => element("button", { class: "button small", type: "button", "aria-label": `Restore event ${it}`, testid: `restore-${it}`, on: { click: () => this.#page.toggleSkip(it) } }, `#${it} ✕`);
    setText(byId("what-if-title"), without.length === 1 ? `What if event ${without[0]} had not happened?` : `What if these ${without.length} events had not happened?`);
    byId("what-if-skipped").replaceChildren(...without.slice(0, NAMED).map(chip), without.length > NAMED ? ` and ${without.length - NAMED} more` : "");
    setText(byId("what-if-was"), money(was, currency));
    setText(byId("what-if-is"), money(is, currency));
    setText(byId("what-if-by"), was === is ? "(the same)" : `(${signedAmount(is - was, currency)})`);
    setText(byId("what-if-lines"), lines.slice(0, NAMED).map(({ name, quantity: [from, to] }) => `${name}: ${from} → ${to} (${signed(to - from)})`).join(", "));
    // The service checks a what-if for the holder of the cart only.
    if (version === head && !this.#eventList.byOperator) this.#check(moment);
    else this.#conclude("Computed in your browser.");
  }

  /** @param {string} words */
  #conclude(words) {
    setText(byId("what-if-verdict"), words);
  }

  /**
   * At the last event the service computes the same what-if: both must agree.
   * @param {Moment} moment
   */
  async #check(moment) {
    const { without, state } = moment;
    const key = this.#shown;
    this.#checked = key;
    this.#conclude("Checking with the service…");
    let words;
    try {
      const { body } = await request("POST", `/api/carts/${this.#eventList.id}/what-if`, { body: { without } });
      /** @param {Pick<Api.Cart, "lines" | "total" | "discount">} cart */
      const summary = ({ lines, total, discount }) => JSON.stringify([total, discount, lines.map((line) => [line.sku, line.quantity, line.total])]);
      const same = summary(body.cart) === summary(documentOf(this.#eventList.id, state));
      words = same ? "✓ The service agrees." : `! The service disagrees: total ${money(body.cart.total, this.#eventList.currency)}`;
    } catch (error) {
      words = `Couldn’t check with the service: ${error.message}`;
      if (isTemporary(error)) whenBack(() => this.#shown === key && this.#check(moment));
    }
    if (this.#checked === key && this.#shown === key) this.#conclude(words);
  }
}
