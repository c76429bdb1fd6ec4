/** One line of the cart: its picture, its stepper, its total, and what was refused about it. */

import { element, setText } from "../page/element.js";
import { amount, money } from "../page/money.js";
import { picture } from "./grid.js";

export class LineView {
  #cart;
  #quantity = 0;
  #output = element("output", {});
  #total = element("span", { class: "line-total" });
  #name = element("span", { class: "line-name" });
  #prices = element("span", { class: "line-prices" });
  #refusal = element("p", { class: "refusal", role: "alert" });

  constructor(sku, product, cart, changed) {
    this.#cart = cart;
    this.sku = sku;
    const step = (by) => {
      changed(sku);
      cart.setQuantity(sku, this.#quantity + by);
    };
    const name = product?.name ?? sku;
    this.#output.dataset.testid = `quantity-${sku}`;
    this.#total.dataset.testid = `line-total-${sku}`;
    this.#refusal.dataset.testid = `line-refusal-${sku}`;
    this.removeButton = element("button", { class: "link-button", type: "button", "aria-label": `Remove ${name}`, data: { testid: `remove-${sku}` }, on: { click: () => (changed(sku), cart.remove(sku)) } }, "Remove");
    this.controls = element(
      "div",
      { class: "line-controls" },
      element(
        "span",
        { class: "stepper", role: "group", "aria-label": `Quantity of ${name}` },
        element("button", { type: "button", "aria-label": `One ${name} less`, data: { testid: `less-${sku}` }, on: { click: () => step(-1) } }, "−"),
        this.#output,
        element("button", { type: "button", "aria-label": `One ${name} more`, data: { testid: `more-${sku}` }, on: { click: () => step(1) } }, "+"),
      ),
      this.removeButton,
    );
    const frame = picture(product && { ...product, picture: product.picture && { ...product.picture, alt: "" } }, "line-picture");
    this.root = element("li", { class: "line", data: { testid: `line-${sku}` } }, frame, element("div", {}, this.#name, this.#prices), this.#total, this.controls, this.#refusal);
  }

  show(line, currency, open) {
    this.#quantity = line.quantity;
    setText(this.#name, line.name);
    setText(this.#output, String(line.quantity));
    // A total is the service's word: while a command is on its way the old one would be a lie.
    setText(this.#total, line.settled ? money(line.total, currency) : "…");
    this.#total.classList.toggle("unsettled", !line.settled);
    const lots = line.lots.map((lot) => (line.lots.length > 1 ? `${lot.quantity} × ${amount(lot.unit_price, currency)}` : `${amount(lot.unit_price, currency)} each`));
    setText(this.#prices, line.settled ? lots.join(" + ") : (this.#prices.textContent || "\u00a0"));
    setText(this.#refusal, this.#cart.refusals.get(`line:${this.sku}`) ?? "");
    this.controls.hidden = !open;
  }
}
