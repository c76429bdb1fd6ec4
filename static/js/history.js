/** The history's page: one cart's history, or, without a cart in the address, where to find one. */

import { showHeader } from "./page/header.js";
import { cartInAddress, isStrayAddress } from "./history/address.js";
import { CartHistory, showNote } from "./history/cart_history.js";
import { showOwnCarts } from "./history/own_list.js";

showHeader();

const id = cartInAddress();
if (id) new CartHistory(id).start();
else if (isStrayAddress()) showNote("No cart has this address", "The address does not name a cart.");
else showOwnCarts();
