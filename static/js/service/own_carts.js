/**
 * Which carts this browser has opened. Only ids are kept: the token that opens a cart is in an
 * HttpOnly cookie, out of reach of any script.
 */

const CURRENT = "cartlog.cart";
const ALL = "cartlog.carts";
const KEPT = 50;

function read(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Without storage the cart lives as long as the page.
  }
}

/** The id of the cart that the shop shows, or `null`. */
export const currentCart = () => read(CURRENT);

/** All carts opened here, the newest first. */
export function ownCarts() {
  try {
    const ids = JSON.parse(read(ALL) ?? "[]");
    return Array.isArray(ids) ? ids.filter((id) => typeof id === "string") : [];
  } catch {
    return [];
  }
}

/** Remembers a cart as the current one. */
export function rememberCart(id) {
  write(CURRENT, id);
  write(ALL, JSON.stringify([id, ...ownCarts().filter((other) => other !== id)].slice(0, KEPT)));
}

/** Forgets which cart is current, for instance because the service does not know it. */
export const leaveCart = () => write(CURRENT, null);

/** Forgets a cart altogether. */
export function forgetCart(id) {
  if (currentCart() === id) leaveCart();
  write(ALL, JSON.stringify(ownCarts().filter((other) => other !== id)));
}

/** Calls `then` with the id when another tab of this browser turns to another cart. */
export function onCurrentCartElsewhere(then) {
  addEventListener("storage", (event) => {
    if (event.key === CURRENT) then(event.newValue);
  });
}
