/**
 * The product grid. A card is created once per product and then moved, so that focus and picture
 * stay.
 */

import { byId, element, fromTemplate, setText } from "../page/element.js";
import { announce, showRefusal } from "../page/notices.js";
import { money } from "../page/format.js";

/**
 * @import { ShoppersCart } from "./cart.js"
 * @import { Catalogue } from "./catalogue.js"
 * @import { ShownCart } from "./commands.js"
 */

/** Pictures on a large first screen; the others are loaded lazily. */
const FIRST_SCREEN = 8;

/**
 * The page of a product.
 * @param {string} sku
 */
export const productPath = (sku) => `/products/${encodeURIComponent(sku)}`;

/**
 * Shows a product's picture in its frame, or its initial if it has none.
 * @param {HTMLElement} frame
 * @param {Api.Product | undefined} product
 * @param {{ alt?: string, eager?: boolean }} [options]
 */
export function showPicture(frame, product, { alt, eager = false } = {}) {
  const initial = () =>
    frame.replaceChildren(
      element("span", { class: "initial", "aria-hidden": "true" }, (product?.name ?? "?")[0]),
    );
  if (!product?.picture) return initial();
  const { url, width, height } = product.picture;
  const loading = eager ? { loading: "eager", fetchPriority: "high" } : { loading: "lazy" };
  frame.replaceChildren(
    element("img", {
      ...loading,
      decoding: "async",
      alt: alt ?? product.picture.alt,
      width,
      height,
      src: url,
      on: { error: initial },
    }),
  );
}

export class Grid {
  #catalogue;
  #cart;
  /** @type {Map<string, { root: HTMLElement } & PageTemplates["product-card"]>} */
  #cards = new Map();

  /**
   * @param {Catalogue} catalogue
   * @param {ShoppersCart} cart
   */
  constructor(catalogue, cart) {
    this.#catalogue = catalogue;
    this.#cart = cart;
    cart.subscribe((shown) => this.#showCart(shown));
  }

  /**
   * @param {Api.Product[]} products
   * @param {() => void} clear
   */
  show(products, clear) {
    for (const [index, product] of products.entries()) {
      if (!this.#cards.has(product.sku))
        this.#cards.set(product.sku, this.#card(product, index < FIRST_SCREEN));
    }
    byId("grid").replaceChildren(
      ...products.flatMap((product) => this.#cards.get(product.sku)?.root ?? []),
    );
    byId("grid").setAttribute("aria-busy", "false");
    this.#note(products.length ? null : "nothing-found", clear);
    this.#showCart(this.#cart.shown);
  }

  /**
   * Shows that loading the products failed, with a button to try again.
   * @param {Error} error
   * @param {() => void} again
   */
  showFailure(error, again) {
    const parts = this.#note("catalogue-failed", () => {
      this.#note(null);
      again();
    });
    if (parts) setText(parts.words, error.message);
  }

  /**
   * @param {"nothing-found" | "catalogue-failed" | null} template
   * @param {() => void} [act]
   */
  #note(template, act = () => {}) {
    byId("grid").hidden = template !== null;
    byId("grid-note").replaceChildren();
    if (!template) return null;
    const { root, parts } = fromTemplate(template);
    parts.act.addEventListener("click", act);
    byId("grid-note").append(root);
    return parts;
  }

  /**
   * @param {Api.Product} product
   * @param {boolean} eager
   */
  #card(product, eager) {
    const { sku, name } = product;
    const { root, parts } = fromTemplate("product-card");
    root.dataset.testid = `product-${sku}`;
    parts.add.dataset.testid = `add-${sku}`;
    parts.refusal.dataset.testid = `product-refusal-${sku}`;
    setText(parts.category, product.category);
    setText(parts.name, name);
    parts.name.href = productPath(sku);
    parts.name.dataset.testid = `product-link-${sku}`;
    setText(parts.description, product.description);
    setText(parts.price, money(product.price, this.#catalogue.currency));
    setText(parts.what, ` ${name}`);
    parts.add.addEventListener("click", () => this.#cart.add(sku, `product:${sku}`));
    showPicture(parts.picture, product, { eager });
    return { root, ...parts };
  }

  /** @param {ShownCart} shown */
  #showCart(shown) {
    const quantities = new Map(
      shown.status === "open" ? shown.lines.map((line) => [line.sku, line.quantity]) : [],
    );
    for (const [sku, { inCart, refusal }] of this.#cards) {
      const quantity = quantities.get(sku) ?? 0;
      setText(inCart, quantity ? `${quantity} in your cart` : "");
      if (showRefusal(refusal, this.#cart, `product:${sku}`)) announce(refusal.textContent ?? "");
    }
  }
}
