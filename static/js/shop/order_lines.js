/** The lines of an order as a list: in the review, after the order, on its receipt. */

import { element } from "../page/element.js";
import { money } from "../page/format.js";

/**
 * The order's number, short enough to read out: the end of its id.
 * @param {string} id
 */
export const orderNumber = (id) =>
  id
    .slice(-8)
    .toUpperCase()
    .replace(/(?=.{4}$)/, "-");

/**
 * The discount's name, with its code.
 * @param {{ code: string } | null | undefined} promotion
 */
export const discountName = (promotion) =>
  promotion ? `Discount (${promotion.code})` : "Discount";

/**
 * @param {string} name
 * @param {string | Node} value
 */
const row = (name, value) =>
  element(
    "li",
    {},
    element("span", { class: "order-name" }, name),
    element("span", { class: "order-value" }, value),
  );

/**
 * @param {Array<{ name: string, quantity: number, total: number | null }>} lines
 * @param {string} currency
 */
export const lineRows = (lines, currency) =>
  lines.map(({ name, quantity, total }) =>
    row(`${quantity} × ${name}`, money(total ?? 0, currency)),
  );

/**
 * The discount, if there is one, and the total.
 * @param {{ promotion?: { code: string } | null, discount: number, total: number }} cart
 * @param {string} currency
 */
export const totalRows = ({ promotion, discount, total }, currency) => [
  ...(discount ? [row(discountName(promotion), `−${money(discount, currency)}`)] : []),
  row("Total", element("strong", { testid: "order-total" }, money(total, currency))),
];
