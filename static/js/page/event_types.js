/**
 * How each type of event is shown: its kind (a colour), its mark, its name, and what its command
 * did.
 */

import { signed } from "./format.js";

/** @type {Record<string, string>} */
const KINDS = {
  CartOpened: "opened",
  ItemAdded: "added",
  ItemRemoved: "removed",
  PromotionApplied: "promotion",
  PromotionRemoved: "promotion",
  CartCheckedOut: "closed",
  CartExpired: "closed",
  OrderPlaced: "opened",
  OrderReserved: "added",
  OrderRefused: "removed",
  OrderConfirmed: "closed",
  OrderCancelled: "removed",
};

/**
 * The types of events in short words, for chips.
 * @type {Record<string, string>}
 */
export const TYPES = {
  CartOpened: "Opened",
  ItemAdded: "Added",
  ItemRemoved: "Removed",
  PromotionApplied: "Promotion applied",
  PromotionRemoved: "Promotion removed",
  CartCheckedOut: "Checked out",
  CartExpired: "Expired",
  OrderPlaced: "Order placed",
  OrderReserved: "Order reserved",
  OrderRefused: "Order refused",
  OrderConfirmed: "Order confirmed",
  OrderCancelled: "Order cancelled",
};

/**
 * The label of a cart's status.
 * @type {Record<Api.Cart["status"], string>}
 */
export const STATUS = { open: "open", checked_out: "ordered", expired: "expired" };

/** @type {Record<string, string>} */
const MARKS = {
  CartOpened: "●",
  PromotionApplied: "%",
  PromotionRemoved: "%̸",
  CartCheckedOut: "✓",
  CartExpired: "∅",
  OrderPlaced: "●",
  OrderReserved: "+",
  OrderRefused: "−",
  OrderConfirmed: "✓",
  OrderCancelled: "∅",
};

/**
 * What each command did, as in `The shopper …`.
 * @type {Record<string, string>}
 */
const COMMANDS = {
  open_cart: "opened a cart",
  add_item: "added an item",
  set_quantity: "changed a quantity",
  remove_item: "removed a line",
  clear_cart: "emptied the cart",
  apply_promotion: "applied a promotion",
  remove_promotion: "removed the promotion",
  undo: "undid the last change",
  checkout: "checked out",
  expire: "closed an idle cart",
  place_order: "placed the order",
  reserve_order: "reserved all items",
  refuse_order: "refused the order",
  confirm_order: "confirmed the order",
  cancel_order: "cancelled the order",
  time_out_order: "cancelled an order that was not answered",
};

export const COMMAND_NAMES = Object.keys(COMMANDS);

/**
 * A cart's sums and their labels.
 * @type {["items_total" | "discount" | "total", string][]}
 */
export const SUMS = [
  ["items_total", "Subtotal"],
  ["discount", "Discount"],
  ["total", "Total"],
];

/**
 * `opened`, `added`, `removed`, `promotion`, `closed`, or `other` for a type of a later release.
 * @param {{ type: string }} event
 */
export const kindOf = (event) => KINDS[event.type] ?? "other";

/**
 * A few characters for a small tile: `+2`, `−1`, `%`.
 * @param {Api.Event} event
 */
export function markOf(event) {
  if (event.type === "ItemAdded") return signed(event.data.quantity);
  if (event.type === "ItemRemoved") return signed(-event.data.quantity);
  return MARKS[event.type] ?? "?";
}

/**
 * A command as a label, such as `set quantity`.
 * @param {string} command
 */
export const commandLabel = (command) => command.replaceAll("_", " ");

/**
 * What a command did, as in `The shopper …`.
 * @param {string} command
 */
export const actionOf = (command) =>
  COMMANDS[command] ?? `ran the command ${commandLabel(command)}`;

/**
 * The units that an event moves, signed; 0 for those that move none.
 * @param {Api.Event} event
 */
export function unitsOf(event) {
  if (event.type === "ItemAdded") return event.data.quantity;
  if (event.type === "ItemRemoved") return -event.data.quantity;
  return 0;
}
