/** The shop's page: brings the catalogue, the cart and what shows them together. */

import { byId } from "./page/element.js";
import { Unreachable } from "./service/request.js";
import { ShoppersCart } from "./shop/cart.js";
import { Catalogue } from "./shop/catalogue.js";
import { Drawer } from "./shop/drawer.js";
import { Filters } from "./shop/filters.js";
import { Grid } from "./shop/grid.js";

/** How long the shop waits before it asks for its products again by itself. */
const RETRY_MS = 3000;
let again;

const catalogue = new Catalogue();
const cart = new ShoppersCart(catalogue);
const grid = new Grid(catalogue, cart);
const filters = new Filters(catalogue, grid);
const drawer = new Drawer(catalogue, cart);

byId("cart-button").addEventListener("click", () => drawer.open());
// The cart does not wait for the catalogue: its document brings names and prices of its own.
cart.load();
// A page that the browser kept and shows again knows nothing of what happened since.
addEventListener("pageshow", (event) => event.persisted && cart.load());
openShop();

async function openShop() {
  clearTimeout(again);
  try {
    await catalogue.load();
  } catch (error) {
    grid.showFailure(error, openShop);
    if (error instanceof Unreachable || error.passes) again = setTimeout(openShop, RETRY_MS);
    return;
  }
  filters.show();
  drawer.refresh();
}
