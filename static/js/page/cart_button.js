/** The link to the cart in the header of every page but the shop, with the number of its items. */

import { onUnits, units } from "../service/own_carts.js";
import { byId, setText } from "./element.js";
import { count } from "./format.js";

/** @param {number} number */
function show(number) {
  setText(byId("cart-count"), String(number));
  byId("cart-count").hidden = !number;
  byId("cart-count").dataset.filled = String(number > 0);
  byId("cart-button").ariaLabel = `Cart, ${count(number, "item")}`;
}

show(units());
onUnits(show);
