/**
 * The carts that this browser has opened. Only ids are stored: a cart's token is in an HttpOnly
 * cookie, out of reach of any script.
 */

import { loadItem, storeItem } from "../page/storage.js";

const CURRENT = "cartlog.cart";
const ALL = "cartlog.carts";
const KEPT = 50;

export const currentCart = () => loadItem(CURRENT);

/**
 * All carts opened here, the newest first.
 * @returns {string[]}
 */
export function ownCarts() {
  try {
    const ids = JSON.parse(loadItem(ALL) ?? "[]");
    return Array.isArray(ids) ? ids.filter((id) => typeof id === "string") : [];
  } catch {
    return [];
  }
}

/** @param {string} id */
export function rememberCart(id) {
  storeItem(CURRENT, id);
  storeItem(ALL, JSON.stringify([id, ...ownCarts().filter((other) => other !== id)].slice(0, KEPT)));
}

/** Forgets which cart is current, for instance because the service does not know it. */
export const leaveCart = () => storeItem(CURRENT, null);

/** @param {string} id */
export function forgetCart(id) {
  if (currentCart() === id) leaveCart();
  storeItem(ALL, JSON.stringify(ownCarts().filter((other) => other !== id)));
}

/**
 * Calls `then` with the id when another tab of this browser switches to another cart.
 * @param {(id: string | null) => void} then
 */
export function onCurrentCartElsewhere(then) {
  addEventListener("storage", (event) => {
    if (event.key === CURRENT) then(event.newValue);
  });
}
