/** How each type of event looks and is called: its kind (a colour), its mark, and the command's words. */

import { signed } from "./format.js";

const KINDS = {
  CartOpened: "opened",
  ItemAdded: "added",
  ItemRemoved: "removed",
  PromotionApplied: "promotion",
  PromotionRemoved: "promotion",
  CartCheckedOut: "closed",
  CartExpired: "closed",
};

/** The types of events in short words, for chips. */
export const TYPES = {
  CartOpened: "Opened",
  ItemAdded: "Added",
  ItemRemoved: "Removed",
  PromotionApplied: "Promotion applied",
  PromotionRemoved: "Promotion removed",
  CartCheckedOut: "Checked out",
  CartExpired: "Expired",
};

/** What a cart's status is called. */
export const STATUS = { open: "open", checked_out: "ordered", expired: "expired" };

const MARKS = { CartOpened: "●", PromotionApplied: "%", PromotionRemoved: "%̸", CartCheckedOut: "✓", CartExpired: "∅" };

/** What each command did, as in `The shopper …`. */
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
};

export const COMMAND_NAMES = Object.keys(COMMANDS);

/** The labels of a cart's sums by their field. */
export const SUMS = { items_total: "Subtotal", discount: "Discount", total: "Total" };

/** `opened`, `added`, `removed`, `promotion`, `closed`, or `other` for a type of a later release. */
export const kindOf = (event) => KINDS[event.type] ?? "other";

/** A few characters for a small tile: `+2`, `−1`, `%`. */
export function markOf(event) {
  if (event.type === "ItemAdded") return signed(event.data.quantity);
  if (event.type === "ItemRemoved") return signed(-event.data.quantity);
  return MARKS[event.type] ?? "?";
}

/** A command as a label, such as `set quantity`. */
export const commandLabel = (command) => command.replaceAll("_", " ");

/** What a command did, as in `The shopper …`. */
export const actionOf = (command) => COMMANDS[command] ?? `ran the command ${commandLabel(command)}`;

/** The units that an event moves, signed; 0 for those that move none. */
export function unitsOf(event) {
  if (event.type === "ItemAdded") return event.data.quantity;
  if (event.type === "ItemRemoved") return -event.data.quantity;
  return 0;
}
