/** Which events of a cart its rows still show, and what the others knew. */

import { visibleLines } from "../history/fold.js";

/** @import { State } from "../history/fold.js" */

/**
 * Versions of the events that the rows show: the last one of each row, the promotion's and the end.
 * @param {Api.Event[]} events
 * @param {State} state
 */
export function visibleVersions(events, state) {
  const visible = new Set(state.promotion_version ? [state.promotion_version] : []);
  for (const { sku } of visibleLines(state)) {
    const last = changesOf(events, state, sku).at(-1);
    if (last) visible.add(last.version);
  }
  if (state.status !== "open") visible.add(state.version);
  return visible;
}

/**
 * Facts that the rows have lost, as a mark and a sentence each.
 * @param {Api.Event[]} events
 * @param {State} state
 * @returns {[string, string][]}
 */
export function factsOf(events, state) {
  /** @type {[string, string][]} */
  const facts = [];
  for (const { sku, name, lots, quantity } of state.allLines) {
    const changes = changesOf(events, state, sku);
    if (!lots.length) facts.push(["no row", `${name} was in the cart and was removed.`]);
    else if (changes.length > 1)
      facts.push([
        "overwritten",
        `${name} is ${quantity} now; it took ${changes.length} changes to get there.`,
      ]);
    if (lots.length > 1)
      facts.push(["merged", `${name} has units at ${lots.length} prices; a row keeps one sum.`]);
  }
  const codes = events
    .slice(0, state.version)
    .filter(({ type }) => type === "PromotionApplied")
    .map(({ data }) => data.code);
  const gone = new Set(codes);
  gone.delete(state.promotion?.code ?? "");
  if (gone.size)
    facts.push(["gone", `Promotion ${[...gone].join(", ")} was tried and no longer applies.`]);
  return facts;
}

/**
 * The events until the state's version that changed a product's line.
 * @param {Api.Event[]} events
 * @param {State} state
 * @param {string} sku
 */
const changesOf = (events, state, sku) =>
  events.slice(0, state.version).filter(({ data }) => data.sku === sku);
