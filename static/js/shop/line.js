/** One line of the cart: picture, stepper, total, and the last refusal. */

import { fromTemplate, setText } from "../page/element.js";
import { amount, money } from "../page/format.js";
import { showPicture } from "./grid.js";

/**
 * @import { ShoppersCart } from "./cart.js"
 * @import { ShownLine } from "./commands.js"
 */

export class LineView {
  #cart;
  #quantity = 0;
  #parts;

  /**
   * @param {string} sku
   * @param {Api.Product | undefined} product
   * @param {ShoppersCart} cart
   * @param {(sku: string) => void} touched
   */
  constructor(sku, product, cart, touched) {
    const { root, parts } = fromTemplate("cart-line");
    const name = product?.name ?? sku;
    this.#cart = cart;
    this.#parts = parts;
    this.sku = sku;
    this.root = root;
    this.removeButton = parts.remove;
    /** @type {Record<string, string>} */
    const hooks = { more: "more", less: "less", remove: "remove", quantity: "quantity", total: "line-total", refusal: "line-refusal" };
    for (const [part, element] of Object.entries(parts)) if (hooks[part]) element.dataset.testid = `${hooks[part]}-${sku}`;
    root.dataset.testid = `line-${sku}`;
    parts.stepper.ariaLabel = `Quantity of ${name}`;
    parts.less.ariaLabel = `Remove one ${name}`;
    parts.more.ariaLabel = `Add one ${name}`;
    parts.remove.ariaLabel = `Remove ${name}`;
    /** @param {"less" | "more" | "remove"} part @param {() => void} does */
    const act = (part, does) => parts[part].addEventListener("click", () => {
      touched(sku);
      does();
    });
    act("less", () => cart.setQuantity(sku, this.#quantity - 1));
    act("more", () => cart.setQuantity(sku, this.#quantity + 1));
    act("remove", () => cart.remove(sku));
    // The name is shown beside it: the picture is decorative.
    showPicture(parts.picture, product, { alt: "" });
  }

  /**
   * @param {ShownLine} line
   * @param {string} currency
   * @param {boolean} open
   */
  show(line, currency, open) {
    const { name, quantity, total, prices, refusal } = this.#parts;
    this.#quantity = line.quantity;
    setText(name, line.name);
    setText(quantity, String(line.quantity));
    // Totals come from the service: while a command is pending the old one would be wrong.
    setText(total, line.settled ? money(line.total ?? 0, currency) : "…");
    total.classList.toggle("unsettled", !line.settled);
    const lots = line.lots.map((lot) => (line.lots.length > 1 ? `${lot.quantity} × ${amount(lot.unit_price, currency)}` : `${amount(lot.unit_price, currency)} each`));
    setText(prices, line.settled ? lots.join(" + ") : prices.textContent || "\u00a0");
    setText(refusal, this.#cart.refusals.get(`line:${this.sku}`) ?? "");
    for (const button of [this.#parts.less, this.#parts.more, this.#parts.remove]) button.disabled = !open;
  }
}
