/** The receipt of an order, and the list of all orders of this browser. */

import { byId, element, setText } from "./page/element.js";
import { amount, fullTime, money } from "./page/format.js";
import { announce } from "./page/notices.js";
import { forgetCart, ownOrders, rememberOrder } from "./service/own_carts.js";
import { get, isTemporary, Problem } from "./service/request.js";
import { whenBack } from "./service/retry.js";
import { discountName } from "./shop/order_lines.js";

const id = location.pathname.split("/")[2] ?? "";
let cancelRetry = () => {};

byId("print").addEventListener("click", () => print());
byId("again").addEventListener("click", open);
open();

async function open() {
  cancelRetry();
  byId("no-receipt").hidden = true;
  try {
    if (id) showReceipt((await get(`/api/carts/${id}`)).body);
    else await showOrders();
  } catch (error) {
    showFailure(error);
  } finally {
    byId("main").setAttribute("aria-busy", "false");
  }
}

/** @param {Api.Cart} cart */
function showReceipt(cart) {
  if (cart.status !== "checked_out" || !cart.order_id) {
    const isOpen = cart.status === "open";
    explain("Not ordered yet", isOpen ? "This cart has not been checked out, so there is no receipt." : "This cart has expired without an order.", isOpen ? "/#cart" : "/", isOpen ? "View cart" : "Go to shop");
    return;
  }
  rememberOrder(cart.id);
  const { currency } = cart;
  document.title = `Receipt ${cart.order_id} – cartlog`;
  setText(byId("order-number"), cart.order_id);
  // The order is the cart's last event.
  byId("ordered-at").replaceChildren(time(cart.changed_at));
  byId("receipt-lines").replaceChildren(...cart.lines.map((line) => lineRow(line, currency)));
  const sums = cart.promotion ? [sumRow("Subtotal", money(cart.items_total, currency)), sumRow(discountName(cart.promotion), `−${money(cart.discount, currency)}`)] : [];
  byId("receipt-sums").replaceChildren(...sums, sumRow("Total", money(cart.total, currency), "order-total"));
  byId("receipt-history").href = `/history/${cart.id}`;
  byId("receipt-proof").setAttribute("href", `/api/carts/${cart.id}/events/${cart.version}/proof`);
  byId("receipt-proof").setAttribute("download", `order-${cart.order_id}.tlog-proof`);
  byId("receipt").hidden = false;
}

/**
 * @param {Api.CartLine} line
 * @param {string} currency
 */
function lineRow({ sku, name, quantity, lots, total }, currency) {
  const prices = lots.map((lot) => `${lot.quantity} × ${amount(lot.unit_price, currency)}`).join(" + ");
  const link = element("a", { class: "line-name", href: `/products/${encodeURIComponent(sku)}`, testid: `receipt-link-${sku}` }, name);
  return element("tr", { testid: `receipt-line-${sku}` }, element("th", { scope: "row" }, `${quantity} × `, link, element("span", { class: "soft small prices" }, prices)), element("td", { class: "number" }, money(total, currency)));
}

/**
 * @param {string} name
 * @param {string} value
 * @param {string} [testid]
 */
const sumRow = (name, value, testid) => element("tr", {}, element("th", { scope: "row" }, name), element("td", { class: "number", testid }, value));

/** @param {string} iso */
const time = (iso) => element("time", { dateTime: iso }, fullTime(iso));

async function showOrders() {
  const carts = await Promise.all(ownOrders().map(order));
  const orders = carts.filter((cart) => cart !== null);
  byId("order-cards").replaceChildren(...orders.map(card));
  byId("no-orders").hidden = orders.length > 0;
  byId("orders").hidden = false;
}

/**
 * The order of a cart; `null` where the service no longer shows it to this browser.
 * @param {string} id
 * @returns {Promise<Api.Cart | null>}
 */
async function order(id) {
  try {
    return (await get(`/api/carts/${id}`)).body;
  } catch (error) {
    if (!(error instanceof Problem && error.status === 404)) throw error;
    forgetCart(id);
    return null;
  }
}

/** @param {Api.Cart} cart */
function card(cart) {
  const names = cart.lines.slice(0, 3).map((line) => `${line.quantity}\u00a0×\u00a0${line.name}`);
  if (cart.lines.length > 3) names.push(`${cart.lines.length - 3} more`);
  return element(
    "li",
    { class: "card order-card", testid: `order-${cart.id}` },
    element("a", { class: "line-name", href: `/receipts/${cart.id}` }, names.join(", ")),
    element("span", { class: "soft small" }, time(cart.changed_at)),
    element("strong", { class: "own-total" }, money(cart.total, cart.currency)),
  );
}

/** @param {Error} error */
function showFailure(error) {
  if (error instanceof Problem && error.status === 404) {
    explain("Receipt not available here", "This receipt can be seen in the browser in which the order was placed, for 30 days after its cart was opened.", "/receipts", "Your orders");
    return;
  }
  explain(id ? "Couldn’t load the receipt" : "Couldn’t load your orders", error.message, "/", "Go to shop");
  byId("again").hidden = false;
  if (isTemporary(error)) cancelRetry = whenBack(open);
}

/**
 * Says why there is no receipt, with a way on.
 * @param {string} title
 * @param {string} words
 * @param {string} href
 * @param {string} link
 */
function explain(title, words, href, link) {
  setText(byId("no-receipt-title"), title);
  setText(byId("no-receipt-words"), words);
  setText(byId("no-receipt-link"), link);
  byId("no-receipt-link").href = href;
  byId("again").hidden = true;
  byId("no-receipt").hidden = false;
  announce(`${title}. ${words}`);
}
