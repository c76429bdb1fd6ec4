/** The orders of this browser, as cards. */

import { byId, element } from "../page/element.js";
import { fullTime, money } from "../page/format.js";
import { forgetCart, ownOrders } from "../service/own_carts.js";
import { get, Problem } from "../service/request.js";
import { orderNumber } from "../shop/order_lines.js";
import { statusChip } from "./status.js";

/** @import { Status } from "./order.js" */

export async function showOwnOrders() {
  const found = await Promise.all(ownOrders().map(readOrder));
  const cards = found.flatMap((it) => it ?? []).map(card);
  byId("order-cards").replaceChildren(...cards);
  byId("no-orders").hidden = cards.length > 0;
  byId("orders").hidden = false;
}

/**
 * The checked-out cart `id` and its order's status; `null` where the service no longer shows it to
 * this browser.
 * @param {string} id
 */
async function readOrder(id) {
  /** @type {{ body: Api.Cart } | null} */
  const read = await orNull(get(`/api/carts/${id}`));
  if (!read) forgetCart(id);
  if (!read?.body.order_id) return null;
  const { body: cart } = read;
  /** @type {{ body: Api.Order } | null} */
  const order = await orNull(get(`/api/orders/${cart.order_id}`));
  return { cart, status: order?.body.status ?? null };
}

/**
 * `null` where the service knows no such thing.
 * @template Response
 * @param {Promise<Response>} asking
 */
async function orNull(asking) {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

/** @param {{ cart: Api.Cart, status: Status | null }} order */
function card({ cart, status }) {
  const { id, order_id, lines, changed_at, total, currency } = cart;
  const names = lines.slice(0, 3).map((line) => `${line.quantity}\u00a0×\u00a0${line.name}`);
  if (lines.length > 3) names.push(`${lines.length - 3} more`);
  return element(
    "li",
    { class: "card order-card", testid: `order-${id}` },
    element(
      "a",
      { class: "line-name", href: status ? `/orders/${order_id}` : `/receipts/${id}` },
      names.join(", "),
    ),
    element("strong", { class: "own-total" }, money(total, currency)),
    element(
      "span",
      { class: "soft small" },
      `${orderNumber(order_id ?? "")} · `,
      element("time", { dateTime: changed_at }, fullTime(changed_at)),
    ),
    statusChip(status),
  );
}
