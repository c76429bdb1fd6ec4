/** The receipt of an order, and how far the order is. */

import { byId, element, setAttribute, setText } from "../page/element.js";
import { amount, fullTime, money } from "../page/format.js";
import { announce } from "../page/notices.js";
import { productPath, showPicture } from "../shop/grid.js";
import { discountName, orderNumber } from "../shop/order_lines.js";
import { statusChip, statusName } from "./status.js";

/**
 * @import { Catalogue } from "../shop/catalogue.js"
 * @import { Order } from "./order.js"
 */

/**
 * What the status means, for the shopper.
 * @param {Order} order
 */
function wordsOf({ status, message, reserveBy }) {
  if (status === "placed")
    return reserveBy
      ? `The warehouse checks its stock, until ${fullTime(reserveBy)} at the latest.`
      : "It is confirmed in a moment.";
  if (status === "reserved") return "The warehouse has reserved all items.";
  return message;
}

export class Receipt {
  #catalogue;
  /** @type {Map<string, HTMLElement>} */
  #pictures = new Map();
  /** @type {Order["status"]} */
  #status = null;

  /** @param {Catalogue} catalogue */
  constructor(catalogue) {
    this.#catalogue = catalogue;
  }

  /**
   * Shows what was ordered, which never changes.
   * @param {Order} order
   * @param {boolean} byOperator
   */
  open(order, byOperator) {
    const { id, cart, checkout, currency } = order;
    document.title = `Order ${orderNumber(id)} – cartlog`;
    setText(byId("order-number"), orderNumber(id));
    setText(byId("order-id"), id);
    byId("ordered-at").replaceChildren(
      element("time", { dateTime: order.orderedAt }, fullTime(order.orderedAt)),
    );
    byId("receipt-lines").replaceChildren(...order.lines.map((line) => this.#row(line, currency)));
    const sums = order.promotion
      ? [
          sumRow("Subtotal", money(order.items_total, currency)),
          sumRow(discountName({ code: order.promotion }), `−${money(order.discount, currency)}`),
        ]
      : [];
    byId("receipt-sums").replaceChildren(
      ...sums,
      sumRow("Total", money(order.total, currency), "order-total"),
    );
    byId("receipt-history").href = `/history/${cart}`;
    byId("receipt-proof").href = `/api/carts/${cart}/events/${checkout}/proof`;
    byId("receipt-proof").setAttribute("download", `order-${id}.tlog-proof`);
    // The proof is for the holder of the cart's token.
    byId("receipt-proof").hidden = byOperator;
    this.#status = order.status;
    this.show(order);
    byId("receipt").hidden = false;
  }

  /**
   * Shows how far the order is.
   * @param {Order} order
   */
  show(order) {
    const { status } = order;
    byId("order-progress").hidden = !status;
    if (!status) return;
    const words = wordsOf(order);
    byId("order-status").replaceChildren(statusChip(status));
    setText(byId("order-message"), words);
    setAttribute(byId("order-message"), "data-status", status);
    if (status !== this.#status)
      announce([`Order ${statusName(status).toLowerCase()}`, words].filter(Boolean).join(". "));
    this.#status = status;
  }

  /** Shows the pictures, once the catalogue has them. */
  showPictures() {
    for (const [sku, frame] of this.#pictures)
      showPicture(frame, this.#catalogue.product(sku), { alt: "" });
  }

  /**
   * @param {Api.OrderedLine} line
   * @param {string} currency
   */
  #row({ sku, name, quantity, lots, total }, currency) {
    const prices = lots
      .map((lot) => `${lot.quantity} × ${amount(lot.unit_price, currency)}`)
      .join(" + ");
    const picture = element("div", { class: "picture" });
    this.#pictures.set(sku, picture);
    const link = element(
      "a",
      { class: "line-name", href: productPath(sku), testid: `receipt-link-${sku}` },
      name,
    );
    const words = element(
      "div",
      {},
      `${quantity} × `,
      link,
      element("span", { class: "soft small prices" }, prices),
    );
    return element(
      "tr",
      { testid: `receipt-line-${sku}` },
      element("th", { scope: "row" }, element("div", { class: "receipt-item" }, picture, words)),
      element("td", { class: "number" }, money(total, currency)),
    );
  }
}

/**
 * @param {string} name
 * @param {string} value
 * @param {string} [testid]
 */
const sumRow = (name, value, testid) =>
  element(
    "tr",
    {},
    element("th", { scope: "row" }, name),
    element("td", { class: "number", testid }, value),
  );
