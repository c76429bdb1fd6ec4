/** The shopper's cart on a page of the shop: its drawer, its button, and the answer to Add. */

import { byId } from "../page/element.js";
import { AddedPanel } from "./added.js";
import { ShoppersCart } from "./cart.js";
import { Drawer } from "./drawer.js";
import { startPipelineToggle } from "./pipeline_toggle.js";

/** @import { Catalogue } from "./catalogue.js" */

/**
 * Opens the cart that this browser remembers. It does not wait for the catalogue: it has its own
 * names and prices.
 * @param {Catalogue} catalogue
 * @param {{ answersAdd?: boolean }} [options] Whether a panel answers to Add.
 */
export function openCart(catalogue, { answersAdd = true } = {}) {
  const cart = new ShoppersCart(catalogue);
  const drawer = new Drawer(catalogue, cart);
  if (answersAdd) new AddedPanel(catalogue, cart, drawer);
  startPipelineToggle();
  byId("cart-button").addEventListener("click", () => drawer.open());
  cart.load();
  // A page restored from the back/forward cache has to load what it missed.
  addEventListener("pageshow", (event) => event.persisted && cart.load());
  return { cart, drawer };
}
