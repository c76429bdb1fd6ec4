/** The products. A card is made once a product and only moved, so that focus and pictures stay. */

import { announce } from "../page/announce.js";
import { byId, element, setText } from "../page/element.js";
import { money } from "../page/money.js";

/** As many pictures as a large first screen shows; the others may wait. */
const FIRST_SCREEN = 8;

/** A product's picture in its reserved size, or its initial when there is none. */
export function picture(product, place, eager = false) {
  const frame = element("div", { class: place });
  const initial = () => element("span", { class: "initial", "aria-hidden": "true" }, (product?.name ?? "?")[0]);
  if (!product?.picture) {
    frame.append(initial());
    return frame;
  }
  const { url, alt, width, height } = product.picture;
  frame.append(
    element("img", { loading: eager ? "eager" : "lazy", fetchPriority: eager ? "high" : "auto", decoding: "async", alt, width, height, src: url, on: { error: () => frame.replaceChildren(initial()) } }),
  );
  return frame;
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

  /** Shows these products, or says that none was found. */
  show(products, clear) {
    const grid = byId("grid");
    for (const [index, product] of products.entries()) {
      if (!this.#cards.has(product.sku)) this.#cards.set(product.sku, this.#card(product, index < FIRST_SCREEN));
    }
    grid.replaceChildren(...products.map((product) => this.#cards.get(product.sku).root));
    grid.setAttribute("aria-busy", "false");
    grid.hidden = products.length === 0;
    byId("grid-note").replaceChildren(
      ...(products.length
        ? []
        : [
            element(
              "div",
              { class: "empty", data: { testid: "nothing-found" } },
              element("h2", {}, "Nothing like that here"),
              element("p", {}, "Try fewer or other words, or look through all there is."),
              element("button", { class: "button", type: "button", on: { click: clear } }, "Show everything"),
            ),
          ]),
    );
    this.#showCart(this.#cart.shown);
  }

  /** Takes the word that the products cannot be had back, and reserves their place. */
  #takeBack() {
    byId("grid").hidden = false;
    byId("grid-note").replaceChildren();
  }

  /** Says that the products cannot be had, with a way to try again. */
  showFailure(error, again) {
    byId("grid").hidden = true;
    const retry = () => {
      this.#takeBack();
      again();
    };
    byId("grid-note").replaceChildren(
      element(
        "div",
        { class: "empty", role: "alert", data: { testid: "catalogue-failed" } },
        element("h2", {}, "The products did not come"),
        element("p", {}, error.message),
        element("button", { class: "button primary", type: "button", on: { click: retry } }, "Try again"),
      ),
    );
  }

  #card(product, eager) {
    const { sku, name } = product;
    const inCart = element("span", { class: "in-cart" });
    const refusal = element("p", { class: "refusal", role: "alert", data: { testid: `product-refusal-${sku}` } });
    const add = element("button", { class: "button small primary", type: "button", data: { testid: `add-${sku}` }, on: { click: () => this.#cart.add(sku, `product:${sku}`) } }, element("span", {}, "Add", element("span", { class: "unseen" }, ` ${name}`), " to cart"));
    const root = element(
      "li",
      { class: "product", data: { testid: `product-${sku}` } },
      picture(product, "picture", eager),
      element(
        "div",
        { class: "product-body" },
        element("span", { class: "product-category" }, product.category),
        element("h2", {}, name),
        element("p", { class: "product-text" }, product.description),
        inCart,
        element("div", { class: "product-foot" }, element("span", { class: "price" }, money(product.price, this.#catalogue.currency)), add),
      ),
      refusal,
    );
    return { root, inCart, refusal, quantity: 0 };
  }

  #showCart(shown) {
    const quantities = new Map(shown.status === "open" ? shown.lines.map((line) => [line.sku, line.quantity]) : []);
    for (const [sku, card] of this.#cards) {
      const quantity = quantities.get(sku) ?? 0;
      setText(card.inCart, quantity ? `${quantity} in your cart` : "");
      const words = this.#cart.refusals.get(`product:${sku}`) ?? "";
      if (words && words !== card.refusal.textContent) announce(words);
      setText(card.refusal, words);
    }
  }
}
