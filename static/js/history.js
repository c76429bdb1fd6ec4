/**
 * The history page: one cart's history, or, without a cart in the URL, own carts and the event log.
 */

import { asOperator } from "./page/operator.js";
import { byId } from "./page/element.js";
import { cartInAddress } from "./history/address.js";
import { CartHistory } from "./history/cart_history.js";
import { Journal } from "./history/journal.js";
import { showNote } from "./history/note.js";
import { showOwnCarts } from "./history/own_carts.js";

const id = cartInAddress();
if (id) new CartHistory(id).start();
else showAll();

async function showAll() {
  document.title = "cartlog: event log";
  byId("all").hidden = false;
  showOwnCarts();
  try {
    await asOperator("The event log shows every event of every cart.", () => new Journal());
  } catch (error) {
    showNote("Couldn’t load the event log", error, showAll);
  }
}
