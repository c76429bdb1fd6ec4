/** The cart's sums. They are the service's word, and say so while a newer word is awaited. */

import { element, setText } from "../page/element.js";
import { money } from "../page/money.js";

export class Totals {
  #rows = {};
  root = element("dl", { class: "totals", data: { testid: "totals" } });

  constructor() {
    for (const [name, title, kind] of [
      ["items_total", "Items", ""],
      ["discount", "Discount", "discount"],
      ["total", "Total", "grand"],
    ]) {
      const value = element("dd", { data: { testid: name.replace("_", "-") } });
      const row = element("div", { class: kind }, element("dt", {}, title), value);
      this.#rows[name] = { row, value };
      this.root.append(row);
    }
  }

  show(shown) {
    this.root.dataset.settled = String(shown.settled);
    this.root.setAttribute("aria-busy", String(!shown.settled));
    for (const [name, { row, value }] of Object.entries(this.#rows)) {
      const minor = shown[name];
      setText(value, shown.currency ? (name === "discount" && minor ? "−" : "") + money(minor, shown.currency) : "…");
      value.classList.toggle("unsettled", !shown.settled);
      if (name !== "total") row.hidden = !shown.discount && !shown.promotion;
    }
  }
}
