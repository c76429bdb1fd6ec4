/** The history's page: one cart's history, or, without a cart in the address, where to find one. */

import { byId, element } from "./page/element.js";
import { showHeader } from "./page/header.js";
import { cartInAddress, isStrayAddress } from "./history/address.js";
import { CartHistory } from "./history/cart_history.js";
import { showOwnCarts } from "./history/own_list.js";

showHeader();

const id = cartInAddress();
if (id) new CartHistory(id).start();
else if (isStrayAddress()) {
  byId("note").hidden = false;
  byId("note").append(
    element("div", { class: "empty" }, element("h2", {}, "No cart has this address"), element("p", {}, "The address does not name a cart."), element("a", { class: "button", href: "/history" }, "See your carts")),
  );
} else showOwnCarts();
