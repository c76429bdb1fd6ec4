/**
 * The carts that this browser has opened. Only ids are stored: a cart's token is in an HttpOnly
 * cookie, out of reach of any script.
 */

import { loadItem, storeItem } from "../page/storage.js";

const CURRENT = "cartlog.cart";
const ALL = "cartlog.carts";
const ORDERS = "cartlog.orders";
const UNITS = "cartlog.units";
const KEPT = 50;

export const currentCart = () => loadItem(CURRENT);

/** All carts opened here, the newest first. */
export const ownCarts = () => storedIds(ALL);

/** The carts that were ordered here, the newest first. */
export const ownOrders = () => storedIds(ORDERS);

/**
 * @param {string} key
 * @returns {string[]}
 */
function storedIds(key) {
  try {
    const ids = JSON.parse(loadItem(key) ?? "[]");
    return Array.isArray(ids) ? ids.filter((id) => typeof id === "string") : [];
  } catch {
    return [];
  }
}

/** @param {string} id */
export function rememberCart(id) {
  storeItem(CURRENT, id);
  storeFirst(ALL, id);
}

/**
 * Lists the cart among those opened here; the current one stays.
 * @param {string} id
 */
export const keepCart = (id) => storeFirst(ALL, id);

/**
 * Remembers that the cart is an order, so that its receipt can be found again.
 * @param {string} id
 */
export function rememberOrder(id) {
  if (!ownOrders().includes(id)) storeFirst(ORDERS, id);
}

/**
 * @param {string} key
 * @param {string} id
 */
const storeFirst = (key, id) =>
  storeItem(
    key,
    JSON.stringify([id, ...storedIds(key).filter((other) => other !== id)].slice(0, KEPT)),
  );

/** How many items the current cart has, as this browser last saw it. */
export const units = () => Number(loadItem(UNITS)) || 0;

/** @param {number} number */
export function rememberUnits(number) {
  if (number !== units()) storeItem(UNITS, String(number));
}

/**
 * Calls `then` when another tab of this browser sees another number of items.
 * @param {(number: number) => void} then
 */
export function onUnits(then) {
  addEventListener("storage", (event) => {
    if (event.key === UNITS) then(units());
  });
}

/** Forgets which cart is current, for instance because the service does not know it. */
export const leaveCart = () => storeItem(CURRENT, null);

/** @param {string} id */
export function forgetCart(id) {
  if (currentCart() === id) leaveCart();
  for (const key of [ALL, ORDERS])
    storeItem(key, JSON.stringify(storedIds(key).filter((other) => other !== id)));
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
