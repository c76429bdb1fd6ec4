/** Simulating days of shopping, in demo mode, so that insights look like a shop's. */

import { element } from "../page/element.js";
import { count, fullTime } from "../page/format.js";

/** What the button asks for, as its words say. */
export const SIMULATION = { carts: 200, days: 7 };

/**
 * What was added.
 * @param {Api.SimulatedDays} simulated
 */
export function describeSimulation({ carts, checked_out, events, from, to }) {
  const span = from && to ? `, from ${fullTime(from)} to ${fullTime(to)}` : "";
  const insights = element("a", { href: "/insights?last=week" }, "See insights");
  return [
    `Added ${count(carts, "cart")} with ${count(events, "event")}${span}; ` +
      `${checked_out.toLocaleString("en")} were checked out. `,
    insights,
  ];
}
