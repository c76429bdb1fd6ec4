/**
 * Which carts this browser has opened. Only ids are kept: the token that opens a cart is in an
 * HttpOnly cookie, out of reach of any script.
 */

import { loadItem, storeItem } from "../page/storage.js";

const CURRENT = "cartlog.cart";
const ALL = "cartlog.carts";
const KEPT = 50;

export const currentCart = () => loadItem(CURRENT);

/** All carts opened here, the newest first. */
export function ownCarts() {
  try {
    const ids = JSON.parse(loadItem(ALL) ?? "[]");
    return Array.isArray(ids) ? ids.filter((id) => typeof id === "string") : [];
  } catch {
    return [];
  }
}

export function rememberCart(id) {
  storeItem(CURRENT, id);
  storeItem(ALL, JSON.stringify([id, ...ownCarts().filter((other) => other !== id)].slice(0, KEPT)));
}

/** Forgets which cart is current, for instance because the service does not know it. */
export const leaveCart = () => storeItem(CURRENT, null);

export function forgetCart(id) {
  if (currentCart() === id) leaveCart();
  storeItem(ALL, JSON.stringify(ownCarts().filter((other) => other !== id)));
}

/** Calls `then` with the id when another tab of this browser turns to another cart. */
export function onCurrentCartElsewhere(then) {
  addEventListener("storage", (event) => {
    if (event.key === CURRENT) then(event.newValue);
  });
}
