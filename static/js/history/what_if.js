/**
 * The what-if banner: what is supposed, what the rules refuse of it, and the effect. Nothing is
 * written.
 */

import { byId, element, setText } from "../page/element.js";
import { money, signed, signedAmount } from "../page/format.js";
import { isTemporary, request } from "../service/request.js";
import { whenBack } from "../service/retry.js";
import { difference, documentOf } from "./fold.js";
import { placeOf } from "./supposition.js";

/**
 * @import { Change } from "./address.js"
 * @import { CartHistory } from "./cart_history.js"
 * @import { Moment } from "./moment.js"
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
    byId("what-if-end").addEventListener("click", () => page.suppose([], []));
  }

  /** @param {Moment} moment */
  show(moment) {
    const { hypothetical, variant, version } = moment;
    const key = `${variant} ${version}`;
    if (key === this.#shown) return;
    this.#shown = key;
    byId("what-if").hidden = !hypothetical;
    document.body.classList.toggle("hypothetical", hypothetical);
    if (!hypothetical) return;
    const { currency } = this.#eventList;
    const { lines, sums } = difference(moment.actual, moment.state);
    const [was, is] = sums.total;
    this.#showSupposed(moment);
    setText(byId("what-if-was"), money(was, currency));
    setText(byId("what-if-is"), money(is, currency));
    setText(
      byId("what-if-by"),
      was === is ? "(the same)" : `(${signedAmount(is - was, currency)})`,
    );
    setText(
      byId("what-if-lines"),
      lines
        .slice(0, NAMED)
        .map(({ name, quantity: [from, to] }) => `${name}: ${from} → ${to} (${signed(to - from)})`)
        .join(", "),
    );
    this.#judge(moment);
  }

  /** @param {Moment} moment */
  #showSupposed({ without, supposed }) {
    const { changes, refused } = supposed;
    const skips =
      without.length === 1
        ? `What if event ${without[0]} had not happened?`
        : `What if these ${without.length} events had not happened?`;
    setText(
      byId("what-if-title"),
      changes.length ? "What if the history had been different?" : skips,
    );
    /** @param {number} it */
    const skipped = (it) =>
      chip(`Without #${it}`, "restore this event", `restore-${it}`, () =>
        this.#page.toggleSkip(it),
      );
    /** @param {Change} change @param {number} index */
    const changed = (change, index) =>
      chip(this.#wordsOf(change), "take this back", `take-back-${index}`, () =>
        this.#page.suppose(
          without,
          changes.filter((it) => it !== change),
        ),
      );
    byId("what-if-skipped").replaceChildren(
      ...without.slice(0, NAMED).map(skipped),
      without.length > NAMED ? ` and ${without.length - NAMED} more` : "",
      ...changes.map(changed),
    );
    byId("what-if-refused").hidden = !refused.length;
    byId("what-if-refused").replaceChildren(
      ...refused.map(({ change, type, title, detail }) =>
        element(
          "li",
          {},
          element("span", { class: "mark" }, "refused"),
          ` ${this.#wordsOf(changes[change])}: `,
          element("strong", {}, detail),
          " Rule: ",
          element("a", { href: new URL(type, location.href).pathname }, title),
        ),
      ),
    );
  }

  /** @param {Change} change */
  #wordsOf(change) {
    const at = placeOf(change);
    if (change.change === "apply_promotion") return `After #${at}: code ${change.code}`;
    if (change.change === "add_item") return `After #${at}: ${change.quantity} × ${change.sku}`;
    const { data, type } = this.#eventList.event(at);
    const changed = `${type === "ItemRemoved" ? "removed " : ""}${change.quantity}`;
    return `#${at}: ${changed} × ${data.sku ?? "?"} instead of ${data.quantity ?? "none"}`;
  }

  /** @param {Moment} moment */
  #judge(moment) {
    const { supposed, version, head } = moment;
    if (supposed.isPending) this.#conclude("Asking the service, whose rules decide on it…");
    else if (supposed.failure)
      this.#conclude(`The service can’t suppose this: ${supposed.failure}`);
    // The service checks a what-if for the holder of the cart only.
    else if (version !== head || this.#eventList.byOperator)
      this.#conclude("Computed in your browser.");
    else if (supposed.answer?.cart.version === head) this.#compare(supposed.answer, moment);
    else this.#check(moment);
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
    const { without, supposed } = moment;
    const key = this.#shown;
    this.#checked = key;
    this.#conclude("Checking with the service…");
    try {
      const { body } = await request("POST", `/api/carts/${this.#eventList.id}/what-if`, {
        body: { without, changes: supposed.changes },
      });
      if (this.#checked === key && this.#shown === key) this.#compare(body, moment);
    } catch (error) {
      if (this.#checked === key && this.#shown === key)
        this.#conclude(`Couldn’t check with the service: ${error.message}`);
      if (isTemporary(error)) whenBack(() => this.#shown === key && this.#check(moment));
    }
  }

  /**
   * @param {Api.WhatIf} answer
   * @param {Moment} moment
   */
  #compare({ cart }, { state }) {
    /** @param {Pick<Api.Cart, "lines" | "total" | "discount">} cart */
    const summary = ({ lines, total, discount }) =>
      JSON.stringify([total, discount, lines.map((line) => [line.sku, line.quantity, line.total])]);
    const same = summary(cart) === summary(documentOf(this.#eventList.id, state));
    this.#conclude(
      same
        ? "✓ The service agrees."
        : `! The service disagrees: total ${money(cart.total, this.#eventList.currency)}`,
    );
  }
}

/**
 * @param {string} words
 * @param {string} action What pressing it does.
 * @param {string} testid
 * @param {() => void} act
 */
const chip = (words, action, testid, act) =>
  element(
    "button",
    { class: "button small", type: "button", testid, on: { click: act } },
    words,
    element("span", { "aria-hidden": "true" }, " ✕"),
    element("span", { class: "unseen" }, `, ${action}`),
  );
