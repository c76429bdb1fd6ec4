/** One line of the cart: its picture, its stepper, its total, and what was refused about it. */

import { fromTemplate, setText } from "../page/element.js";
import { amount, money } from "../page/format.js";
import { showPicture } from "./grid.js";

export class LineView {
  #cart;
  #quantity = 0;
  #parts;

  constructor(sku, product, cart, changed) {
    const { root, parts } = fromTemplate("cart-line");
    const name = product?.name ?? sku;
    this.#cart = cart;
    this.#parts = parts;
    this.sku = sku;
    this.root = root;
    this.removeButton = parts.remove;
    const hooks = { more: "more", less: "less", remove: "remove", quantity: "quantity", total: "line-total", refusal: "line-refusal" };
    for (const [part, hook] of Object.entries(hooks)) parts[part].dataset.testid = `${hook}-${sku}`;
    root.dataset.testid = `line-${sku}`;
    parts.stepper.ariaLabel = `Quantity of ${name}`;
    parts.less.ariaLabel = `Remove one ${name}`;
    parts.more.ariaLabel = `Add one ${name}`;
    parts.remove.ariaLabel = `Remove ${name}`;
    const act = (part, does) => parts[part].addEventListener("click", () => (changed(sku), does()));
    act("less", () => cart.setQuantity(sku, this.#quantity - 1));
    act("more", () => cart.setQuantity(sku, this.#quantity + 1));
    act("remove", () => cart.remove(sku));
    // The name is beside it: the picture says nothing new here.
    showPicture(parts.picture, product, { alt: "" });
  }

  show(line, currency, open) {
    const { name, quantity, total, prices, refusal } = this.#parts;
    this.#quantity = line.quantity;
    setText(name, line.name);
    setText(quantity, String(line.quantity));
    // A total is the service's word: while a command is on its way the old one would be a lie.
    setText(total, line.settled ? money(line.total, currency) : "…");
    total.classList.toggle("unsettled", !line.settled);
    const lots = line.lots.map((lot) => (line.lots.length > 1 ? `${lot.quantity} × ${amount(lot.unit_price, currency)}` : `${amount(lot.unit_price, currency)} each`));
    setText(prices, line.settled ? lots.join(" + ") : prices.textContent || "\u00a0");
    setText(refusal, this.#cart.refusals.get(`line:${this.sku}`) ?? "");
    for (const part of ["less", "more", "remove"]) this.#parts[part].disabled = !open;
  }
}
