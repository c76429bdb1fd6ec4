/**
 * What the requests tried on this page have brought: the last cart with its token, and the
 * operator's token. It is kept in this tab only, and gone with it.
 */

const KEY = "cartlog.docs";

/**
 * @typedef {object} Session
 * @property {string} [id] The last cart.
 * @property {string} [token] Its token.
 * @property {string} [order] The order of the last checkout.
 * @property {number} [version]
 * @property {number} [total] In minor units.
 * @property {string} [operator] The operator's token.
 */

/** @type {Session} */
let session = load();

/** @returns {Session} */
function load() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
}

export const current = () => session;

/** @param {Session} change */
export function remember(change) {
  session = { ...session, ...change };
  try {
    sessionStorage.setItem(KEY, JSON.stringify(session));
  } catch {
    // It lasts as long as the page.
  }
}

/**
 * Remembers the cart in a response, if it is one.
 * @param {unknown} body
 */
export function rememberCart(body) {
  const { id, token, version, total, lines, order_id: order } = /** @type {any} */ (body ?? {});
  if (!id || !Array.isArray(lines)) return;
  if (token) remember({ id, token, version, total });
  else if (id === session.id) remember({ version, total, order });
}
