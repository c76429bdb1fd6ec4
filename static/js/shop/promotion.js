/** The promotion code: a form while there is none, what it is and a way to take it off when there is. */

import { element, setAttribute, setText } from "../page/element.js";

export class PromotionForm {
  #cart;
  #field = element("input", { class: "field", id: "promotion-code", name: "code", placeholder: "Promotion code", autocomplete: "off", autocapitalize: "characters", spellcheck: false, maxLength: 64, "aria-label": "Promotion code", "aria-describedby": "promotion-refusal", data: { testid: "promotion-code" } });
  #refusal = element("p", { class: "refusal", id: "promotion-refusal", role: "alert", data: { testid: "promotion-refusal" } });
  #words = element("span", { data: { testid: "promotion" } });
  #take = element("button", { class: "link-button", type: "button", data: { testid: "promotion-remove" } }, "Take off");
  #form;
  #on;

  constructor(cart) {
    this.#cart = cart;
    this.#form = element("form", { class: "promotion-row", data: { testid: "promotion-form" } }, this.#field, element("button", { class: "button", type: "submit", data: { testid: "promotion-apply" } }, "Apply"));
    this.#on = element("p", { class: "promotion-on" }, this.#words, this.#take);
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
    this.root = element("div", { class: "promotion" }, this.#form, this.#on, this.#refusal);
  }

  show(shown) {
    const { promotion } = shown;
    const hadFocus = this.#form.contains(document.activeElement);
    this.#form.hidden = Boolean(promotion);
    this.#on.hidden = !promotion;
    if (promotion) {
      setText(this.#words, promotion.settled ? `${promotion.code}: ${promotion.description}` : `${promotion.code} …`);
      this.#words.classList.toggle("unsettled", !promotion.settled);
      if (hadFocus) this.#take.focus();
    } else if (document.activeElement === document.body && this.#cart.refusals.has("promotion")) this.#field.focus();
    const words = this.#cart.refusals.get("promotion") ?? "";
    setText(this.#refusal, words);
    setAttribute(this.#field, "aria-invalid", words ? "true" : null);
  }
}
