/** Why commands were refused, each at the place of the page that caused it. */

import { limitReached } from "./quantity.js";

/** @import { Problem } from "../service/request.js" */

/** The last refusal by its place, such as `line:teapot`. */
export class Refusals {
  /** @type {Map<string, { words: string, holds: () => boolean }>} */
  #byPlace = new Map();

  /**
   * What was refused at a place, as long as its cause lasts.
   * @param {string} place
   */
  at(place) {
    const refusal = this.#byPlace.get(place);
    return refusal?.holds() ? refusal.words : "";
  }

  /**
   * @param {string} place
   * @param {string} words
   * @param {() => boolean} holds Whether the cause lasts.
   */
  set(place, words, holds) {
    this.#byPlace.set(place, { words, holds });
  }

  /**
   * Returns whether there was one.
   * @param {string} place
   */
  delete(place) {
    return this.#byPlace.delete(place);
  }

  clear() {
    this.#byPlace.clear();
  }

  /** Drops the refusals whose cause is gone, and returns their places. */
  dropSettled() {
    const settled = [...this.#byPlace].filter(([, { holds }]) => !holds()).map(([place]) => place);
    for (const place of settled) this.#byPlace.delete(place);
    return settled;
  }
}

/**
 * The refusal in the shopper's words, or the service's own where it needs no others.
 * @param {Problem} problem
 * @param {number | undefined} max The limit of the product's quantity.
 */
export function refusalWords({ slug, message }, max) {
  if (slug === "quantity-limit" && max) return limitReached(max);
  if (slug === "unknown-sku") return "No longer sold.";
  if (slug === "unknown-promotion") return "This code isn’t valid.";
  if (slug === "total-changed") return "The total has changed. Please review your cart.";
  return message;
}
