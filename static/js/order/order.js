/**
 * An order: folded from its events, as the service does it, or taken from a cart whose checkout no
 * order follows.
 */

import { isAdmitted } from "../page/operator.js";
import { get, Problem } from "../service/request.js";
import { OF_LOG, ofOrder } from "../service/stream.js";

/** @typedef {Api.Order["status"]} Status */

/**
 * @typedef {object} Order
 * @property {string} id
 * @property {string} cart
 * @property {number} checkout The version of the cart that is its checkout.
 * @property {string} orderedAt
 * @property {string} currency
 * @property {Api.OrderedLine[]} lines
 * @property {string | null} promotion
 * @property {number} items_total
 * @property {number} discount
 * @property {number} total
 * @property {Status | null} status `null` if nothing follows the checkout.
 * @property {string} message Why it was refused or cancelled.
 * @property {string | null} reserveBy Until when the warehouse must answer, if it is asked.
 */

/**
 * Where an order's events come from, and where new ones are announced.
 * @typedef {{ events: Api.Event[], path: string, last: number, byOperator: boolean }} Source
 */

/** @type {Record<string, Status>} */
const STATUSES = {
  OrderPlaced: "placed",
  OrderReserved: "reserved",
  OrderRefused: "refused",
  OrderConfirmed: "confirmed",
  OrderCancelled: "cancelled",
};

/** @param {Status | null} status */
export const isFinal = (status) =>
  status === null || status === "confirmed" || status === "cancelled";

/**
 * The events of the order `id`, the cart's checkout first: as the holder of the cart's token, else
 * as the operator, if this browser is signed in.
 * @param {string} id
 * @returns {Promise<Source>}
 */
export async function openOrder(id) {
  try {
    /** @type {{ body: { events: Api.Event[], version: number } }} */
    const { body } = await get(`/api/orders/${id}/why`);
    return { events: body.events, path: ofOrder(id), last: body.version, byOperator: false };
  } catch (error) {
    const isForeign = error instanceof Problem && error.status === 404;
    if (!isForeign || !(await isAdmitted())) throw error;
    return await openForeign(id, error);
  }
}

/**
 * @param {string} id
 * @param {Problem} unknown What to throw if the log has no such order.
 * @returns {Promise<Source>}
 */
async function openForeign(id, unknown) {
  /** @param {string} query @returns {Promise<Api.Event[]>} */
  const events = async (query) => (await get(`${OF_LOG}?${query}`)).body.items;
  const own = await events(`cart_id=${id}&order=asc&limit=200`);
  const last = own.at(-1);
  if (!last || own[0].type !== "OrderPlaced") throw unknown;
  const checkout = await events(`cart_id=${last.cart_id}&type=CartCheckedOut`);
  return { events: [...checkout, ...own], path: OF_LOG, last: last.position, byOperator: true };
}

/**
 * The order that `events` lead to: the checkout of its cart, and its own.
 * @param {Api.Event[]} events
 * @returns {Order}
 */
export function orderOf(events) {
  const own = events.filter(({ order_id }) => order_id);
  const [placed] = own;
  const last = own[own.length - 1];
  const { data } = placed;
  return {
    id: placed.order_id ?? "",
    cart: placed.cart_id,
    checkout: placed.meta.caused_by?.version ?? 1,
    orderedAt: events[0].recorded_at,
    currency: data.currency,
    lines: data.lines.map(({ sku, name, lots }) => ({
      sku,
      name,
      lots,
      quantity: sum(lots, (lot) => lot.quantity),
      total: sum(lots, (lot) => lot.quantity * lot.unit_price),
    })),
    promotion: data.promotion ?? null,
    items_total: data.items_total,
    discount: data.discount,
    total: data.total,
    status: own.reduce(
      (/** @type {Status} */ status, { type }) => STATUSES[type] ?? status,
      "placed",
    ),
    message: last.data.message ?? "",
    reserveBy: data.reserve_by ?? null,
  };
}

/**
 * The order of a cart that was checked out, of which the log knows no more than that.
 * @param {Api.Cart & { order_id: string }} cart
 * @returns {Order}
 */
export function orderOfCart(cart) {
  const {
    id,
    order_id,
    version,
    changed_at,
    currency,
    lines,
    promotion,
    items_total,
    discount,
    total,
  } = cart;
  // The checkout is the cart's last event.
  return {
    id: order_id,
    cart: id,
    checkout: version,
    orderedAt: changed_at,
    currency,
    lines,
    promotion: promotion?.code ?? null,
    items_total,
    discount,
    total,
    status: null,
    message: "",
    reserveBy: null,
  };
}

/**
 * @template Item
 * @param {Item[]} items
 * @param {(item: Item) => number} value
 */
const sum = (items, value) => items.reduce((all, item) => all + value(item), 0);
