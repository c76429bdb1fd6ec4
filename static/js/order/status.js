/** The status of an order in a word. */

import { element } from "../page/element.js";

/** @import { Status } from "./order.js" */

/** @type {Record<Status, string>} */
const NAMES = {
  placed: "Placed",
  reserved: "Reserved",
  refused: "Refused",
  confirmed: "Confirmed",
  cancelled: "Cancelled",
};

/** @param {Status} status */
export const statusName = (status) => NAMES[status];

/**
 * The status as a label. A checkout that no order follows is just ordered.
 * @param {Status | null} status
 */
export const statusChip = (status) =>
  element(
    "span",
    { class: "status", data: { status: status ?? "checked_out" } },
    status ? NAMES[status] : "Ordered",
  );
