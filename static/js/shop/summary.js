/** The discount code and the totals under the cart's lines. */

import { byId, setAttribute, setText } from "../page/element.js";
import { money } from "../page/format.js";
import { showNotice, showRefusal } from "../page/notices.js";
import { discountName } from "./order_lines.js";

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
    this.#field.addEventListener("input", () => cart.dismiss("promotion"));
    this.#remove.addEventListener("click", () => {
      cart.unpromote();
      this.#field.value = "";
      this.#field.focus();
    });
  }

  /** @param {ShownCart} shown */
  show({ promotion }) {
    const hadFocus = this.#form.contains(document.activeElement);
    const words = this.#cart.refusalAt("promotion");
    this.#form.hidden = Boolean(promotion);
    byId("promotion-on").hidden = !promotion;
    if (promotion) {
      setText(
        byId("promotion-words"),
        promotion.settled ? `${promotion.code}: ${promotion.description}` : `${promotion.code} …`,
      );
      byId("promotion-words").classList.toggle("unsettled", !promotion.settled);
      if (hadFocus) this.#remove.focus();
      if (promotion.settled) this.#field.value = "";
    } else if (words && document.activeElement === document.body) this.#field.focus();
    showNotice(
      byId("promotion-notice"),
      promotion ? this.#cart.noticeOf(promotion.code) : undefined,
    );
    showRefusal(byId("promotion-refusal"), this.#cart, "promotion");
    setAttribute(this.#field, "aria-invalid", words ? "true" : null);
  }
}

/**
 * The totals come from the service; they are marked while commands are pending.
 * @param {ShownCart} shown
 */
export function showTotals(shown) {
  const totals = byId("totals");
  setText(byId("discount-name"), discountName(shown.promotion));
  totals.dataset.settled = String(shown.settled);
  totals.setAttribute("aria-busy", String(!shown.settled));
  /**
   * @type {NodeListOf<HTMLElement & { dataset: { sum: "items_total" | "discount" | "total" } }>}
   */
  const values = totals.querySelectorAll("[data-sum]");
  for (const value of values) {
    const { sum } = value.dataset;
    setText(
      value,
      shown.currency
        ? (sum === "discount" && shown[sum] ? "−" : "") + money(shown[sum], shown.currency)
        : "…",
    );
    value.classList.toggle("unsettled", !shown.settled);
    if (sum !== "total" && value.parentElement)
      value.parentElement.hidden = !shown.discount && !shown.promotion;
  }
}
