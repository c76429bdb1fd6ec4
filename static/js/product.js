/**
 * The page of a product. What it says is in the page as it is served; here are the cart and
 * company.
 */

import { byId, setAttribute, setText } from "./page/element.js";
import { money } from "./page/format.js";
import { showRefusal } from "./page/notices.js";
import { get, isTemporary } from "./service/request.js";
import { whenBack } from "./service/retry.js";
import { Catalogue } from "./shop/catalogue.js";
import { Grid } from "./shop/grid.js";
import { openCart } from "./shop/open_cart.js";
import { readQuantity } from "./shop/quantity.js";

const RELATED = 4;

const { sku = "", max: limit } = byId("main").dataset;
const max = Number(limit) || undefined;
const place = `product:${sku}`;
const field = byId("quantity");
const catalogue = new Catalogue();
const { cart, drawer } = openCart(catalogue);
const grid = new Grid(catalogue, cart);

byId("buy").addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = field.value;
  const { quantity, refusal } = readQuantity(typed, max);
  if (refusal === undefined) cart.add(sku, place, quantity);
  else {
    cart.refuse(place, refusal, () => field.value === typed);
    field.focus();
  }
});
field.addEventListener("input", () => cart.dismiss(place));
field.addEventListener("focus", () => field.select());
for (const [id, by] of /** @type {const} */ ([
  ["less", -1],
  ["more", 1],
]))
  byId(id).addEventListener("click", () => step(by));

/** @param {number} by */
function step(by) {
  const next = readQuantity(String((readQuantity(field.value, max).quantity ?? 1) + by), max);
  if (next.quantity) field.value = String(next.quantity);
  cart.dismiss(place);
}

cart.subscribe((shown) => {
  const here = shown.status === "open" ? shown.lines.find((line) => line.sku === sku)?.quantity : 0;
  setText(byId("in-cart"), here ? `${here} in your cart.` : "");
  showRefusal(byId("buy-refusal"), cart, place);
  setAttribute(field, "aria-invalid", cart.refusalAt(place) ? "true" : null);
});

/** The catalogue has the pictures of the cart and today's price; the page was served with both. */
async function openCatalogue() {
  try {
    await catalogue.load();
  } catch {
    whenBack(openCatalogue);
    return;
  }
  const product = catalogue.product(sku);
  if (product) setText(byId("product-price"), money(product.price, catalogue.currency));
  drawer.refresh();
}

/** Without its companions the page is whole: a failure shows none. */
async function showRelated() {
  try {
    /** @type {{ body: Api.RelatedProducts }} */
    const { body } = await get(`/api/products/${encodeURIComponent(sku)}/related?limit=${RELATED}`);
    catalogue.currency = body.currency;
    if (!body.items.length) return;
    grid.show(body.items, () => {});
    byId("related").hidden = false;
  } catch (error) {
    if (isTemporary(error)) whenBack(showRelated);
  }
}

openCatalogue();
showRelated();
