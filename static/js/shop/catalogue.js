/** What the shop sells, as the service says it. */

import { get } from "../service/request.js";

/** The same address as the preload in the page's head, which starts before this script is read. */
const FIRST_PAGE = "/api/products?limit=200";

export class Catalogue {
  #bySku = new Map();
  currency = "EUR";
  products = [];

  async load() {
    const products = [];
    let cursor = null;
    do {
      const { body } = await get(cursor ? `${FIRST_PAGE}&cursor=${encodeURIComponent(cursor)}` : FIRST_PAGE, { accept: "*/*" });
      this.currency = body.currency;
      products.push(...body.items);
      cursor = body.next;
    } while (cursor);
    this.products = products;
    this.#bySku = new Map(products.map((product) => [product.sku, product]));
  }

  get categories() {
    return [...new Set(this.products.map((product) => product.category))];
  }

  product(sku) {
    return this.#bySku.get(sku);
  }

  /** A name to show for a sku that the cart does not name yet. */
  nameOf(sku) {
    return this.#bySku.get(sku)?.name ?? sku;
  }

  maxOf(sku) {
    return this.#bySku.get(sku)?.max_per_cart;
  }

  /** The products of a category (or all) whose words hold every word of `query`. */
  find(query, category) {
    const words = query.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    return this.products.filter((product) => {
      if (category && product.category !== category) return false;
      const text = `${product.name} ${product.description} ${product.category}`.toLocaleLowerCase();
      return words.every((word) => text.includes(word));
    });
  }
}
