/** The banner of a what-if: what is set aside, what that changes, and that nothing is written. */

import { byId, element } from "../page/element.js";
import { amount, money, signed } from "../page/money.js";
import { request } from "../service/request.js";
import { difference } from "./difference.js";
import { documentOf } from "./fold.js";

const NAMED = 6;

export class Supposition {
  #page;
  #chronicle;
  #root = byId("supposition");
  #shown = "";
  #asked = "";
  #verdict = element("p", { class: "small", data: { testid: "what-if-verdict" } });

  constructor(page, chronicle) {
    this.#page = page;
    this.#chronicle = chronicle;
  }

  show(moment) {
    const { without, version, head } = moment;
    const key = `${without} ${version}`;
    if (key === this.#shown) return;
    this.#shown = key;
    this.#root.hidden = without.length === 0;
    document.body.classList.toggle("supposing", without.length > 0);
    if (!without.length) return;
    const { currency } = this.#chronicle;
    const change = difference(moment.actual, moment.state);
    const chip = (it) => element("button", { class: "button small", type: "button", "aria-label": `Put event ${it} back`, data: { testid: `put-back-${it}` }, on: { click: () => this.#page.toggleAside(it) } }, `#${it} ✕`);
    const by = change.sums.total[1] - change.sums.total[0];
    this.#root.replaceChildren(
      element(
        "div",
        { class: "supposition-head" },
        element("h2", {}, without.length === 1 ? `What if event ${without[0]} had not happened?` : `What if these ${without.length} events had not happened?`),
        element("button", { class: "button small", type: "button", data: { testid: "what-if-end" }, on: { click: () => this.#page.setAside([]) } }, "Back to what happened"),
      ),
      element("p", { class: "supposition-chips" }, "Supposed only, nothing is written. Set aside: ", ...without.slice(0, NAMED).map(chip), without.length > NAMED ? ` and ${without.length - NAMED} more` : ""),
      element(
        "p",
        { class: "supposition-lines" },
        element("span", { class: "supposition-total", data: { testid: "what-if-total" } }, "Total ", element("s", {}, money(change.sums.total[0], currency)), " → ", element("strong", {}, money(change.sums.total[1], currency)), by ? ` (${by < 0 ? "−" : "+"}${amount(Math.abs(by), currency)})` : " (the same)"),
        ...change.lines.slice(0, NAMED).map((line) => element("span", {}, `${line.name}: ${line.quantity[0]} → ${line.quantity[1]} (${signed(line.quantity[1] - line.quantity[0])})`)),
      ),
      this.#verdict,
    );
    if (version === head) this.#ask(moment);
    else this.#verdict.textContent = `Folded here, up to version ${version}. At the newest event the service is asked as well.`;
  }

  /** At the head the service supposes the same: both have to agree. */
  async #ask({ without, state }) {
    const key = `${without} ${state.version}`;
    this.#asked = key;
    this.#verdict.textContent = "Asking the service …";
    try {
      const { body } = await request("POST", `/api/carts/${this.#chronicle.id}/what-if`, { body: { without } });
      if (this.#asked !== key) return;
      const folded = documentOf(this.#chronicle.id, state);
      const same = ["items_total", "discount", "total"].every((field) => body.cart[field] === folded[field]) && JSON.stringify(body.cart.lines.map((line) => [line.sku, line.quantity, line.total])) === JSON.stringify(folded.lines.map((line) => [line.sku, line.quantity, line.total]));
      this.#verdict.textContent = same ? "✓ The service comes to the same." : `! The service comes to another total: ${money(body.cart.total, this.#chronicle.currency)}`;
    } catch (error) {
      if (this.#asked === key) this.#verdict.textContent = `The service could not be asked: ${error.message}`;
    }
  }
}
