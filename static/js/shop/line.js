/** One line of the cart: picture, stepper, total, and the last refusal. */

import { fromTemplate, setAttribute, setText } from "../page/element.js";
import { amount, money } from "../page/format.js";
import { showNotice, showRefusal } from "../page/notices.js";
import { productPath, showPicture } from "./grid.js";
import { readQuantity } from "./quantity.js";

/**
 * @import { ShoppersCart } from "./cart.js"
 * @import { ShownLine } from "./commands.js"
 */

export class LineView {
  #cart;
  #max;
  #quantity = 0;
  /** Whether the field has what was typed, which is not in the cart yet. */
  #isTyping = false;
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
    this.#max = product?.max_per_cart ?? undefined;
    this.#parts = parts;
    this.sku = sku;
    this.root = root;
    this.removeButton = parts.remove;
    /** @type {Record<string, string>} */
    const hooks = {
      name: "line-link",
      more: "more",
      less: "less",
      remove: "remove",
      quantity: "quantity",
      total: "line-total",
      notice: "line-notice",
      refusal: "line-refusal",
    };
    for (const [part, element] of Object.entries(parts))
      if (hooks[part]) element.dataset.testid = `${hooks[part]}-${sku}`;
    root.dataset.testid = `line-${sku}`;
    parts.stepper.ariaLabel = `Quantity of ${name}`;
    parts.less.ariaLabel = `Decrease quantity of ${name}`;
    parts.more.ariaLabel = `Increase quantity of ${name}`;
    parts.remove.ariaLabel = `Remove ${name}`;
    parts.quantity.ariaLabel = `Quantity of ${name}`;
    parts.refusal.id = `line-refusal-${sku}`;
    parts.quantity.setAttribute("aria-describedby", parts.refusal.id);
    // What is no longer sold has no page.
    if (product) parts.name.href = productPath(sku);
    this.#takeTyping(touched);
    /** @param {"less" | "more" | "remove"} part @param {() => void} does */
    const act = (part, does) =>
      parts[part].addEventListener("click", () => {
        touched(sku);
        does();
      });
    act("less", () => cart.setQuantity(sku, this.#quantity - 1));
    act("more", () => cart.setQuantity(sku, this.#quantity + 1));
    act("remove", () => cart.remove(sku));
    // The name is shown beside it: the picture is decorative.
    showPicture(parts.picture, product, { alt: "" });
  }

  /** @param {(sku: string) => void} touched */
  #takeTyping(touched) {
    const { quantity: field } = this.#parts;
    const place = `line:${this.sku}`;
    field.addEventListener("focus", () => field.select());
    field.addEventListener("input", () => {
      this.#isTyping = true;
      this.#cart.dismiss(place);
    });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.#isTyping) return;
      // It leaves the field, not the drawer.
      event.preventDefault();
      this.#isTyping = false;
      field.value = String(this.#quantity);
      this.#cart.dismiss(place);
    });
    field.addEventListener("change", () => {
      const typed = field.value;
      const { quantity, refusal } = readQuantity(typed, this.#max);
      if (refusal !== undefined) {
        this.#cart.refuse(place, refusal, () => field.isConnected && field.value === typed);
        return;
      }
      this.#isTyping = false;
      touched(this.sku);
      if (quantity !== this.#quantity) this.#cart.setQuantity(this.sku, quantity);
      field.value = String(this.#quantity);
    });
  }

  /**
   * @param {ShownLine} line
   * @param {string} currency
   * @param {boolean} open
   */
  show(line, currency, open) {
    const { name, quantity, total, prices, notice, refusal } = this.#parts;
    // A change from elsewhere, or by a button, replaces what was typed.
    if (line.quantity !== this.#quantity) this.#isTyping = false;
    this.#quantity = line.quantity;
    setText(name, line.name);
    if (!this.#isTyping && quantity.value !== String(line.quantity))
      quantity.value = String(line.quantity);
    // Totals come from the service: while a command is pending the old one would be wrong.
    setText(total, line.settled ? money(line.total ?? 0, currency) : "…");
    total.classList.toggle("unsettled", !line.settled);
    const lots = line.lots.map((lot) =>
      line.lots.length > 1
        ? `${lot.quantity} × ${amount(lot.unit_price, currency)}`
        : `${amount(lot.unit_price, currency)} each`,
    );
    setText(prices, line.settled ? lots.join(" + ") : prices.textContent || "\u00a0");
    showNotice(notice, this.#cart.noticeOf(this.sku));
    showRefusal(refusal, this.#cart, `line:${this.sku}`);
    setAttribute(
      quantity,
      "aria-invalid",
      this.#cart.refusalAt(`line:${this.sku}`) && this.#isTyping ? "true" : null,
    );
    for (const control of [this.#parts.less, this.#parts.more, this.#parts.remove, quantity])
      control.disabled = !open;
  }
}
