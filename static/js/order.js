/**
 * An order, live, and the list of all orders of this browser:
 *
 *   /orders            the list
 *   /orders/{id}       an order
 *   /receipts/{cart}   the order of a cart; becomes the address of its order, if one follows checkouts
 */

import { showLane } from "./order/lane.js";
import { isFinal, openOrder, orderOf, orderOfCart } from "./order/order.js";
import { showOwnOrders } from "./order/own_orders.js";
import { Receipt } from "./order/receipt.js";
import { byId, setText } from "./page/element.js";
import { announce, showStream } from "./page/notices.js";
import { rememberOrder } from "./service/own_carts.js";
import { get, isTemporary, Problem } from "./service/request.js";
import { whenBack } from "./service/retry.js";
import { follow } from "./service/stream.js";
import { Catalogue } from "./shop/catalogue.js";

/** @import { Source } from "./order/order.js" */

const [, kind, id = ""] = location.pathname.split("/");
const catalogue = new Catalogue();
const receipt = new Receipt(catalogue);
let cancelRetry = () => {};
let stop = () => {};

byId("print").addEventListener("click", () => print());
byId("again").addEventListener("click", open);
open();

async function open() {
  cancelRetry();
  stop();
  byId("no-receipt").hidden = true;
  try {
    if (kind === "receipts" && id) await openReceipt(id);
    else if (id) show(await openOrder(id.toLowerCase()));
    else {
      history.replaceState(null, "", "/orders");
      await showOwnOrders();
    }
  } catch (error) {
    showFailure(error);
  } finally {
    byId("main").setAttribute("aria-busy", "false");
  }
}

/** @param {string} cartId */
async function openReceipt(cartId) {
  /** @type {{ body: Api.Cart }} */
  const { body: cart } = await get(`/api/carts/${cartId}`);
  const { status, order_id } = cart;
  if (status !== "checked_out" || !order_id) {
    const isOpen = status === "open";
    explain(
      "Not ordered yet",
      isOpen
        ? "This cart has not been checked out, so there is no receipt."
        : "This cart has expired without an order.",
      isOpen ? "/#cart" : "/",
      isOpen ? "View cart" : "Go to shop",
    );
    return;
  }
  rememberOrder(cart.id);
  try {
    const opened = await openOrder(order_id);
    history.replaceState(null, "", `/orders/${order_id}${location.hash}`);
    show(opened);
  } catch (error) {
    // The service places no orders, or did not yet when this cart was checked out.
    if (!(error instanceof Problem && error.status === 404)) throw error;
    receipt.open(orderOfCart({ ...cart, order_id }), false);
    loadPictures();
  }
}

/** @param {Source} source */
function show({ events, path, last, byOperator }) {
  const order = orderOf(events);
  if (!byOperator) rememberOrder(order.cart);
  receipt.open(order, byOperator);
  showLane(events);
  setText(
    byId("lane-words"),
    order.reserveBy
      ? "Each event, with the one that caused it. The warehouse’s answer decides the order."
      : "Each event, with the one that caused it. The warehouse is not asked here: orders are " +
          "confirmed at once.",
  );
  // The place that the address names is there only now. In one frame with the scrolling, what the
  // order pushes down would be a layout shift.
  if (location.hash) requestAnimationFrame(() => setTimeout(() => location.replace(location.hash)));
  loadPictures();
  if (isFinal(order.status)) return;
  const unfollow = follow(path, last, {
    event: (event) => {
      if (event.order_id !== order.id) return;
      events.push(event);
      const changed = orderOf(events);
      receipt.show(changed);
      showLane(events);
      if (isFinal(changed.status)) stop();
    },
    state: (state) => (state.signedOut ? location.reload() : showStream(state)),
    restart: () => location.reload(),
  });
  stop = () => {
    unfollow();
    showStream({ is: "live" });
  };
}

async function loadPictures() {
  try {
    await catalogue.load();
  } catch (error) {
    // Until then their places are empty.
    if (isTemporary(error)) whenBack(loadPictures);
    return;
  }
  receipt.showPictures();
}

/** @param {Error} error */
function showFailure(error) {
  if (error instanceof Problem && error.status === 404) {
    explain(
      "Order not available here",
      "Open it in the browser in which it was placed: there it can be seen for 30 days after " +
        "its cart was opened.",
      "/orders",
      "Your orders",
    );
    return;
  }
  explain(
    id ? "Couldn’t load the order" : "Couldn’t load your orders",
    error.message,
    "/",
    "Go to shop",
  );
  byId("again").hidden = false;
  if (isTemporary(error)) cancelRetry = whenBack(open);
}

/**
 * Says why there is no order, with a way on.
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
