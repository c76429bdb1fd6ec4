/** A quantity that is typed. */

/** The most units of a product in one cart; a product or the shop may allow fewer. */
const MOST = 999;

/**
 * The quantity that `text` says, from 1 to `max`, or the reason why it says none.
 * @param {string} text
 * @param {number | undefined} max The product's own limit.
 * @returns {{ quantity: number, refusal?: undefined } | { quantity?: undefined, refusal: string }}
 */
export function readQuantity(text, max) {
  const quantity = /^\s*\d+\s*$/.test(text) ? Number(text) : NaN;
  if (quantity >= 1 && quantity <= (max ?? MOST)) return { quantity };
  if (max && quantity > max) return { refusal: limitReached(max) };
  return { refusal: `Enter a whole number from 1 to ${max ?? MOST}.` };
}

/** @param {number} max */
export const limitReached = (max) => `Limit ${max} per order.`;
