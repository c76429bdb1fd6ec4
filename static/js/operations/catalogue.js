/** Reloading the catalogue: products and promotions are read from their files again. */

import { count } from "../page/format.js";

/**
 * What a reload has changed.
 * @param {Api.CatalogueChange} change
 */
export const describeReload = ({ products, promotions }) => [
  `Reloaded: ${changes("product", products)}; ${changes("promotion", promotions)}.`,
];

/**
 * @param {string} noun
 * @param {Api.EntryChanges} entries
 */
function changes(noun, { total, added, removed, changed }) {
  const parts = Object.entries({ added, removed, changed })
    .filter(([, names]) => names.length)
    .map(([what, names]) => `${what} ${names.join(", ")}`);
  return `${count(total, noun)} (${parts.join("; ") || "unchanged"})`;
}
