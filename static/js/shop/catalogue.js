/** The products on sale. */

import { get } from "../service/request.js";

/** The same address as the preload in the page's head, which starts before this script is read. */
const FIRST_PAGE = "/api/products?limit=200";

const names = new Intl.Collator("en", { numeric: true });

/**
 * The orders of the grid; the catalogue's own is none of them.
 * @type {Record<string, (a: Api.Product, b: Api.Product) => number>}
 */
export const ORDERS = {
  price: (a, b) => a.price - b.price,
  "price-desc": (a, b) => b.price - a.price,
  name: (a, b) => names.compare(a.name, b.name),
};

export class Catalogue {
  /** @type {Map<string, Api.Product>} */
  #bySku = new Map();
  currency = "EUR";
  /** @type {Api.Product[]} */
  products = [];

  async load() {
    /** @type {Api.Product[]} */
    const products = [];
    /** @type {string | null} */
    let cursor = null;
    do {
      /** @type {{ body: Api.ProductPage }} */
      const { body } = await get(
        cursor ? `${FIRST_PAGE}&cursor=${encodeURIComponent(cursor)}` : FIRST_PAGE,
        { accept: "*/*" },
      );
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

  /** @param {string} sku */
  product(sku) {
    return this.#bySku.get(sku);
  }

  /**
   * The name of a product that the cart does not name yet.
   * @param {string} sku
   */
  nameOf(sku) {
    return this.#bySku.get(sku)?.name ?? sku;
  }

  /** @param {string | undefined} sku */
  maxOf(sku) {
    return (sku !== undefined && this.#bySku.get(sku)?.max_per_cart) || undefined;
  }

  /**
   * The products of a category (or all) that cost at least `min` and at most `max` and whose text
   * contains every word of `query`, in the order of `sort`.
   * @param {{ query: string, category: string, min: number | null, max: number | null, sort: string
   *   }} wanted
   */
  find({ query, category, min, max, sort }) {
    const words = query.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const found = this.products.filter((product) => {
      if (category && product.category !== category) return false;
      if (product.price < (min ?? 0) || product.price > (max ?? Infinity)) return false;
      const text = `${product.name} ${product.description} ${product.category}`.toLocaleLowerCase();
      return words.every((word) => text.includes(word));
    });
    const order = ORDERS[sort];
    return order ? found.sort(order) : found;
  }
}
