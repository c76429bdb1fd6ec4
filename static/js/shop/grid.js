/** The products. A card is made once a product and only moved, so that focus and pictures stay. */

import { byId, element, fromTemplate, setText } from "../page/element.js";
import { announce } from "../page/notices.js";
import { money } from "../page/format.js";

/** As many pictures as a large first screen shows; the others may wait. */
const FIRST_SCREEN = 8;

/** Puts a product's picture into its frame, or its initial when there is none. */
export function showPicture(frame, product, { alt, eager = false } = {}) {
  const initial = () => frame.replaceChildren(element("span", { class: "initial", "aria-hidden": "true" }, (product?.name ?? "?")[0]));
  if (!product?.picture) return initial();
  const { url, width, height } = product.picture;
  const loading = eager ? { loading: "eager", fetchPriority: "high" } : { loading: "lazy" };
  frame.replaceChildren(element("img", { ...loading, decoding: "async", alt: alt ?? product.picture.alt, width, height, src: url, on: { error: initial } }));
}

export class Grid {
  #catalogue;
  #cart;
  #cards = new Map();

  constructor(catalogue, cart) {
    this.#catalogue = catalogue;
    this.#cart = cart;
    cart.subscribe((shown) => this.#showCart(shown));
  }

  show(products, clear) {
    for (const [index, product] of products.entries()) {
      if (!this.#cards.has(product.sku)) this.#cards.set(product.sku, this.#card(product, index < FIRST_SCREEN));
    }
    byId("grid").replaceChildren(...products.map((product) => this.#cards.get(product.sku).root));
    byId("grid").setAttribute("aria-busy", "false");
    this.#note(products.length ? null : "nothing-found", clear);
    this.#showCart(this.#cart.shown);
  }

  /** Says that the products cannot be had, with a way to try again. */
  showFailure(error, again) {
    this.#note("catalogue-failed", () => {
      this.#note(null);
      again();
    }).words.textContent = error.message;
  }

  #note(template, act) {
    byId("grid").hidden = template !== null;
    byId("grid-note").replaceChildren();
    if (!template) return null;
    const { root, parts } = fromTemplate(template);
    parts.act.addEventListener("click", act);
    byId("grid-note").append(root);
    return parts;
  }

  #card(product, eager) {
    const { sku, name } = product;
    const { root, parts } = fromTemplate("product-card");
    root.dataset.testid = `product-${sku}`;
    parts.add.dataset.testid = `add-${sku}`;
    parts.refusal.dataset.testid = `product-refusal-${sku}`;
    setText(parts.category, product.category);
    setText(parts.name, name);
    setText(parts.description, product.description);
    setText(parts.price, money(product.price, this.#catalogue.currency));
    setText(parts.what, ` ${name}`);
    parts.add.addEventListener("click", () => this.#cart.add(sku, `product:${sku}`));
    showPicture(parts.picture, product, { eager });
    return { root, ...parts };
  }

  #showCart(shown) {
    const quantities = new Map(shown.status === "open" ? shown.lines.map((line) => [line.sku, line.quantity]) : []);
    for (const [sku, { inCart, refusal }] of this.#cards) {
      const quantity = quantities.get(sku) ?? 0;
      setText(inCart, quantity ? `${quantity} in your cart` : "");
      const words = this.#cart.refusals.get(`product:${sku}`) ?? "";
      if (words && words !== refusal.textContent) announce(words);
      setText(refusal, words);
    }
  }
}
