/**
 * The page's state as its address, so that any moment, comparison or what-if can be sent:
 *
 *   /history/{cart_id}?v=7&pin=3&why=teapot.quantity&without=4,5
 *
 * Without `v` the page is at the newest event and follows what comes.
 */

const UUID = /^\/history\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\/?$/i;

/** The cart that the path names, or `null` on the page without a cart. */
export const cartInAddress = () => UUID.exec(location.pathname)?.[1].toLowerCase() ?? null;

function version(text) {
  const number = Number(text);
  return Number.isSafeInteger(number) && number >= 1 ? number : null;
}

/** What the address says: `{ v, pin, why, without }`, each absent as `null` or empty. */
export function readAddress() {
  const parameters = new URLSearchParams(location.search);
  return {
    v: version(parameters.get("v")),
    pin: version(parameters.get("pin")),
    why: parameters.get("why") || null,
    without: (parameters.get("without") ?? "").split(",").map(version).filter((it) => it !== null && it > 1),
  };
}

export function addressOf(id, { v, pin, why, without }) {
  const parts = [];
  if (v) parts.push(`v=${v}`);
  if (pin) parts.push(`pin=${pin}`);
  if (why) parts.push(`why=${encodeURIComponent(why)}`);
  if (without.length) parts.push(`without=${without.join(",")}`);
  return `/history/${id}${parts.length ? `?${parts.join("&")}` : ""}`;
}
