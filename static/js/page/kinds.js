/** How each type of event looks and is called: its kind (a colour), its mark, and the command's words. */

import { signed } from "./writing.js";

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
  ItemAdded: "Put in",
  ItemRemoved: "Taken out",
  PromotionApplied: "Promotion on",
  PromotionRemoved: "Promotion off",
  CartCheckedOut: "Checked out",
  CartExpired: "Expired",
};

/** What a cart's status is called. */
export const STATUS = { open: "open", checked_out: "ordered", expired: "expired" };

const MARKS = { CartOpened: "●", PromotionApplied: "%", PromotionRemoved: "%̸", CartCheckedOut: "✓", CartExpired: "∅" };

export const COMMANDS = {
  open_cart: "open a cart",
  add_item: "add to the cart",
  set_quantity: "set a quantity",
  remove_item: "remove a line",
  clear_cart: "empty the cart",
  apply_promotion: "apply a promotion",
  remove_promotion: "take the promotion off",
  undo: "undo the last change",
  checkout: "check out",
  expire: "close an idle cart",
};

/** `opened`, `added`, `removed`, `promotion`, `closed`, or `other` for a type of a later release. */
export const kindOf = (event) => KINDS[event.type] ?? "other";

/** A few characters for a small tile: `+2`, `−1`, `%`. */
export function markOf(event) {
  if (event.type === "ItemAdded") return signed(event.data.quantity);
  if (event.type === "ItemRemoved") return signed(-event.data.quantity);
  return MARKS[event.type] ?? "?";
}

/** What a command wants, as `the shopper wanted to …`. */
export const wish = (command) => COMMANDS[command] ?? command.replaceAll("_", " ");

/** The units that an event moves, signed; 0 for those that move none. */
export function unitsOf(event) {
  if (event.type === "ItemAdded") return event.data.quantity;
  if (event.type === "ItemRemoved") return -event.data.quantity;
  return 0;
}
