/** The shop page: catalogue, cart, and the parts that show them. */

import { byId } from "./page/element.js";
import { Unreachable } from "./service/request.js";
import { ShoppersCart } from "./shop/cart.js";
import { Catalogue } from "./shop/catalogue.js";
import { Drawer } from "./shop/drawer.js";
import { Filters } from "./shop/filters.js";
import { Grid } from "./shop/grid.js";

/** The pause before the products are requested again after a failure. */
const RETRY_MS = 3000;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let again;

const catalogue = new Catalogue();
const cart = new ShoppersCart(catalogue);
const grid = new Grid(catalogue, cart);
const filters = new Filters(catalogue, grid);
const drawer = new Drawer(catalogue, cart);

byId("cart-button").addEventListener("click", () => drawer.open());
// The cart does not wait for the catalogue: it has its own names and prices.
cart.load();
// A page restored from the back/forward cache has to load what it missed.
addEventListener("pageshow", (event) => event.persisted && cart.load());
openShop();

async function openShop() {
  clearTimeout(again);
  try {
    await catalogue.load();
  } catch (error) {
    grid.showFailure(error, openShop);
    if (error instanceof Unreachable || error.isTransient) again = setTimeout(openShop, RETRY_MS);
    return;
  }
  filters.show();
  drawer.refresh();
}
