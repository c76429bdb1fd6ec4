/**
 * The page's state as its URL, so that any version, comparison or what-if can be shared:
 *
 *   /history/{cart_id}?v=7&pin=3&why=teapot.quantity&without=4,5&quantity=6:2&add=7:1:tea-bowl&code=7:TEA10
 *
 * Without `v` the page shows the last event and follows new ones.
 */

/** The service takes no more. */
export const MAX_CHANGES = 32;

const UUID = /^\/history\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\/?$/i;

/** The cart in the URL, or `null`. */
export const cartInAddress = () => UUID.exec(location.pathname)?.[1]?.toLowerCase() ?? null;

/** @param {string | null} text */
function version(text) {
  const number = Number(text);
  return Number.isSafeInteger(number) && number >= 1 ? number : null;
}

/**
 * @typedef {object} UrlState
 * @property {number | null} v The version shown; `null` for the last one.
 * @property {number | null} pin The version compared with.
 * @property {string | null} why The number explained.
 * @property {number[]} without The versions skipped in a what-if.
 * @property {Change[]} changes What else the what-if supposes.
 *
 * A change of a what-if, as the service takes it.
 * @typedef {{ change: "set_quantity", version: number, quantity: number }
 *   | { change: "add_item", after: number, sku: string, quantity: number }
 *   | { change: "apply_promotion", after: number, code: string }} Change
 */

/**
 * The changes of a what-if in the URL; what cannot be read is left out.
 * @param {URLSearchParams} parameters
 * @returns {Change[]}
 */
function changesIn(parameters) {
  /** @type {Change[]} */
  const changes = [];
  for (const [name, text] of parameters) {
    const [, at, rest] = /^(\d+):(.+)$/.exec(text) ?? [];
    const place = version(at ?? null);
    if (!place) continue;
    const [, units, sku] = /^(\d+):(.+)$/.exec(rest) ?? [];
    const quantity = version(name === "add" ? (units ?? null) : rest);
    if (name === "quantity" && quantity)
      changes.push({ change: "set_quantity", version: place, quantity });
    else if (name === "add" && quantity && sku)
      changes.push({ change: "add_item", after: place, sku, quantity });
    else if (name === "code") changes.push({ change: "apply_promotion", after: place, code: rest });
  }
  return changes.slice(0, MAX_CHANGES);
}

/** @param {Change} change */
function partOf(change) {
  if (change.change === "set_quantity") return `quantity=${change.version}:${change.quantity}`;
  if (change.change === "add_item")
    return `add=${change.after}:${change.quantity}:${encodeURIComponent(change.sku)}`;
  return `code=${change.after}:${encodeURIComponent(change.code)}`;
}

/** @returns {UrlState} */
export function readAddress() {
  const parameters = new URLSearchParams(location.search);
  return {
    v: version(parameters.get("v")),
    pin: version(parameters.get("pin")),
    why: parameters.get("why") || null,
    without: (parameters.get("without") ?? "")
      .split(",")
      .map(version)
      .filter((it) => it !== null)
      .filter((it) => it > 1),
    changes: changesIn(parameters),
  };
}

/**
 * @param {string} id
 * @param {UrlState} state
 */
export function addressOf(id, { v, pin, why, without, changes }) {
  const parts = [];
  if (v) parts.push(`v=${v}`);
  if (pin) parts.push(`pin=${pin}`);
  if (why) parts.push(`why=${encodeURIComponent(why)}`);
  if (without.length) parts.push(`without=${without.join(",")}`);
  parts.push(...changes.map(partOf));
  return `/history/${id}${parts.length ? `?${parts.join("&")}` : ""}`;
}
