/** Damaging a row of the views on purpose, in demo mode: verify names it, a rebuild heals it. */

import { element } from "../page/element.js";
import { money } from "../page/format.js";

/**
 * What was damaged.
 * @param {Api.Damage} damage
 */
export function describeDamage({ damaged }) {
  if (!damaged) return ["The views have no cart yet. Add something in the shop first."];
  const { cart_id, currency, total_before, total_after } = damaged;
  const cart = element("a", { href: `/history/${cart_id}` }, `…${cart_id.slice(-8)}`);
  return [
    "Damaged the row of cart ",
    cart,
    `: total ${money(total_before, currency)} is now ${money(total_after, currency)}. `,
    "The log is unchanged.",
  ];
}
