/** The order that a cart became: its number, what is in it, and the way to its history. */

import { element, icon } from "../page/element.js";
import { money } from "../page/money.js";

/** What the drawer shows after checkout. `close` goes on shopping. */
export function orderView(shown, close) {
  return element(
    "section",
    { class: "order", data: { testid: "order" } },
    element("span", { class: "order-tick" }, icon("M5 12.5l4.5 4.5L19 7.5")),
    element("h3", {}, "Thank you, it is ordered"),
    element("div", {}, element("span", { class: "soft small" }, "Your order’s number"), element("span", { class: "order-number", data: { testid: "order-number" } }, shown.order_id ?? "")),
    element(
      "ul",
      { class: "order-lines" },
      ...shown.lines.map((line) => element("li", {}, element("span", {}, `${line.quantity} × ${line.name}`), element("span", {}, money(line.total, shown.currency)))),
      shown.discount ? element("li", {}, element("span", {}, shown.promotion?.description ?? "Discount"), element("span", {}, `−${money(shown.discount, shown.currency)}`)) : null,
      element("li", {}, element("strong", {}, "Total"), element("strong", { data: { testid: "order-total" } }, money(shown.total, shown.currency))),
    ),
    element("a", { class: "button", href: `/history/${shown.id}`, data: { testid: "order-history" } }, "See how this order came to be"),
    element("button", { class: "link-button", type: "button", on: { click: close } }, "Go on shopping"),
  );
}
