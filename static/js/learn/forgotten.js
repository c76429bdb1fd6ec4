/** What a table of rows has forgotten, beside the events that still know. */

import { byId, element } from "../page/element.js";
import { count } from "../page/format.js";

const MOST = 8;

/**
 * Shows how many of the events left no trace in the table, and facts that only they have.
 * @param {string} id
 * @param {number} all How many events there are.
 * @param {number} kept How many of them the table still shows.
 * @param {string} noun What an event is here.
 * @param {[string, string][]} facts A mark and a sentence each.
 */
export function showForgotten(id, all, kept, noun, facts) {
  const items = facts
    .slice(0, MOST)
    .map(([mark, words]) =>
      element("li", {}, element("span", { class: "mark" }, mark), " ", words),
    );
  if (facts.length > MOST)
    items.push(element("li", { class: "soft" }, `${facts.length - MOST} more`));
  byId(id).replaceChildren(
    element(
      "p",
      { class: "verdict", testid: `${id}-count` },
      element("strong", {}, `${all - kept} of ${count(all, noun)}`),
      " left no trace in the table.",
    ),
    element("ul", { class: "forgotten" }, ...items),
  );
}
