/**
 * The page's state as its URL, so that any version, comparison or what-if can be shared:
 *
 *   /history/{cart_id}?v=7&pin=3&why=teapot.quantity&without=4,5
 *
 * Without `v` the page shows the last event and follows new ones.
 */

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
 */

/** @returns {UrlState} */
export function readAddress() {
  const parameters = new URLSearchParams(location.search);
  return {
    v: version(parameters.get("v")),
    pin: version(parameters.get("pin")),
    why: parameters.get("why") || null,
    without: (parameters.get("without") ?? "").split(",").map(version).filter((it) => it !== null).filter((it) => it > 1),
  };
}

/**
 * @param {string} id
 * @param {UrlState} state
 */
export function addressOf(id, { v, pin, why, without }) {
  const parts = [];
  if (v) parts.push(`v=${v}`);
  if (pin) parts.push(`pin=${pin}`);
  if (why) parts.push(`why=${encodeURIComponent(why)}`);
  if (without.length) parts.push(`without=${without.join(",")}`);
  return `/history/${id}${parts.length ? `?${parts.join("&")}` : ""}`;
}
