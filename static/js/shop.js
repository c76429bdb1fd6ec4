/** The shop page: catalogue, cart, and the parts that show them. */

import { isTemporary } from "./service/request.js";
import { whenBack } from "./service/retry.js";
import { Catalogue } from "./shop/catalogue.js";
import { Filters } from "./shop/filters.js";
import { Grid } from "./shop/grid.js";
import { openCart } from "./shop/open_cart.js";

const catalogue = new Catalogue();
const { cart, drawer } = openCart(catalogue);
const grid = new Grid(catalogue, cart);
const filters = new Filters(catalogue, grid);
let cancelRetry = () => {};
openShop();

async function openShop() {
  cancelRetry();
  try {
    await catalogue.load();
  } catch (error) {
    grid.showFailure(error, openShop);
    if (isTemporary(error)) cancelRetry = whenBack(openShop);
    return;
  }
  filters.show();
  drawer.refresh();
}
