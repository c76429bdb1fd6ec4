/** What is under the cart's lines: the promotion code and the sums. */

import { byId, setAttribute, setText } from "../page/element.js";
import { money } from "../page/format.js";

/** The promotion code: a form while there is none, and a way to take it off when there is. */
export class PromotionForm {
  #cart;
  #field = byId("promotion-code");
  #form = byId("promotion-form");
  #take = byId("promotion-remove");

  constructor(cart) {
    this.#cart = cart;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const code = this.#field.value.trim();
      if (code) cart.promote(code.toUpperCase());
      else this.#field.focus();
    });
    this.#take.addEventListener("click", () => {
      cart.unpromote();
      this.#field.value = "";
      this.#field.focus();
    });
  }

  show({ promotion }) {
    const hadFocus = this.#form.contains(document.activeElement);
    const words = this.#cart.refusals.get("promotion") ?? "";
    this.#form.hidden = Boolean(promotion);
    byId("promotion-on").hidden = !promotion;
    if (promotion) {
      setText(byId("promotion-words"), promotion.settled ? `${promotion.code}: ${promotion.description}` : `${promotion.code} …`);
      byId("promotion-words").classList.toggle("unsettled", !promotion.settled);
      if (hadFocus) this.#take.focus();
      if (promotion.settled) this.#field.value = "";
    } else if (words && document.activeElement === document.body) this.#field.focus();
    setText(byId("promotion-refusal"), words);
    setAttribute(this.#field, "aria-invalid", words ? "true" : null);
  }
}

/** The sums are the service's word, and say so while a newer word is awaited. */
export function showTotals(shown) {
  const totals = byId("totals");
  totals.dataset.settled = String(shown.settled);
  totals.setAttribute("aria-busy", String(!shown.settled));
  for (const value of totals.querySelectorAll("[data-sum]")) {
    const { sum } = value.dataset;
    setText(value, shown.currency ? (sum === "discount" && shown[sum] ? "−" : "") + money(shown[sum], shown.currency) : "…");
    value.classList.toggle("unsettled", !shown.settled);
    if (sum !== "total") value.parentNode.hidden = !shown.discount && !shown.promotion;
  }
}
