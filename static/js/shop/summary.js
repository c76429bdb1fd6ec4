/** The discount code and the totals under the cart's lines. */

import { byId, setAttribute, setText } from "../page/element.js";
import { money } from "../page/format.js";

/**
 * @import { ShoppersCart } from "./cart.js"
 * @import { ShownCart } from "./commands.js"
 */

/** The discount code: a form, or the applied code with a button to remove it. */
export class PromotionForm {
  #cart;
  #field = byId("promotion-code");
  #form = byId("promotion-form");
  #remove = byId("promotion-remove");

  /** @param {ShoppersCart} cart */
  constructor(cart) {
    this.#cart = cart;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const code = this.#field.value.trim();
      if (code) cart.promote(code.toUpperCase());
      else this.#field.focus();
    });
    this.#remove.addEventListener("click", () => {
      cart.unpromote();
      this.#field.value = "";
      this.#field.focus();
    });
  }

  /** @param {ShownCart} shown */
  show({ promotion }) {
    const hadFocus = this.#form.contains(document.activeElement);
    const words = this.#cart.refusals.get("promotion") ?? "";
    this.#form.hidden = Boolean(promotion);
    byId("promotion-on").hidden = !promotion;
    if (promotion) {
      setText(byId("promotion-words"), promotion.settled ? `${promotion.code}: ${promotion.description}` : `${promotion.code} …`);
      byId("promotion-words").classList.toggle("unsettled", !promotion.settled);
      if (hadFocus) this.#remove.focus();
      if (promotion.settled) this.#field.value = "";
    } else if (words && document.activeElement === document.body) this.#field.focus();
    setText(byId("promotion-refusal"), words);
    setAttribute(this.#field, "aria-invalid", words ? "true" : null);
  }
}

/**
 * The totals come from the service; they are marked while commands are pending.
 * @param {ShownCart} shown
 */
export function showTotals(shown) {
  const totals = byId("totals");
  totals.dataset.settled = String(shown.settled);
  totals.setAttribute("aria-busy", String(!shown.settled));
  /** @type {NodeListOf<HTMLElement & { dataset: { sum: "items_total" | "discount" | "total" } }>} */
  const values = totals.querySelectorAll("[data-sum]");
  for (const value of values) {
    const { sum } = value.dataset;
    setText(value, shown.currency ? (sum === "discount" && shown[sum] ? "−" : "") + money(shown[sum], shown.currency) : "…");
    value.classList.toggle("unsettled", !shown.settled);
    if (sum !== "total" && value.parentElement) value.parentElement.hidden = !shown.discount && !shown.promotion;
  }
}
