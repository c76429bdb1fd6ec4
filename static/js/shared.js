/** A shared cart: what it held at one version, and copying it into one's own. */

import { byId, disable, element, fromTemplate, setText } from "./page/element.js";
import { amount, count, fullTime, money } from "./page/format.js";
import { showRefusal } from "./page/notices.js";
import { get, isTemporary, Problem } from "./service/request.js";
import { whenBack } from "./service/retry.js";
import { Catalogue } from "./shop/catalogue.js";
import { productPath, showPicture } from "./shop/grid.js";
import { openCart } from "./shop/open_cart.js";
import { discountName } from "./shop/order_lines.js";

const token = location.pathname.split("/")[2];
const catalogue = new Catalogue();
const { cart, drawer } = openCart(catalogue, { answersAdd: false });
/** @type {Api.SharedCart["lines"]} */
let lines = [];
/** @type {Map<string, { root: HTMLElement } & PageTemplates["shared-line"]>} */
const views = new Map();
/** The skus that are being copied, and those that were. */
const copying = new Set();
const copied = new Set();
let cancelRetry = () => {};

byId("again").addEventListener("click", open);
byId("copy-cart").addEventListener("click", copy);
cart.subscribe((_, completed) => showCopying(completed?.place));
open();

/** @param {string} sku */
const placeOf = (sku) => `shared:${sku}`;

async function open() {
  cancelRetry();
  byId("no-share").hidden = true;
  try {
    // The catalogue has the pictures of the shopper's own cart as well.
    const [{ body }] = await Promise.all([
      get(`/api/shared/${token}`),
      catalogue.load().then(() => drawer.refresh()),
    ]);
    show(body);
  } catch (error) {
    showFailure(error);
  } finally {
    byId("main").setAttribute("aria-busy", "false");
  }
}

/** @param {Api.SharedCart} shared */
function show(shared) {
  const { currency } = shared;
  ({ lines } = shared);
  const units = lines.reduce((sum, line) => sum + line.quantity, 0);
  setText(
    byId("shared-when"),
    `${count(units, "item")}, as of ${fullTime(shared.changed_at)}. Later changes are not shown.`,
  );
  for (const line of lines) {
    const { root, parts } = fromTemplate("shared-line");
    const product = catalogue.product(line.sku);
    const prices = line.lots.map((lot) => `${lot.quantity} × ${amount(lot.unit_price, currency)}`);
    root.dataset.testid = `shared-line-${line.sku}`;
    parts.refusal.dataset.testid = `shared-refusal-${line.sku}`;
    parts.done.dataset.testid = `shared-done-${line.sku}`;
    setText(parts.name, line.name);
    if (product) parts.name.href = productPath(line.sku);
    setText(parts.prices, prices.join(" + "));
    setText(parts.total, money(line.total, currency));
    showPicture(parts.picture, product, { alt: "" });
    views.set(line.sku, { root, ...parts });
  }
  byId("shared-lines").replaceChildren(...[...views.values()].map(({ root }) => root));
  /** @param {string} name @param {string} value @param {string} [style] */
  const row = (name, value, style = "") =>
    element("div", { class: style }, element("dt", {}, name), element("dd", {}, value));
  const discount = shared.discount
    ? [
        row("Subtotal", money(shared.items_total, currency)),
        row(discountName(shared.promotion), `−${money(shared.discount, currency)}`, "discount"),
      ]
    : [];
  byId("shared-totals").replaceChildren(
    ...discount,
    row("Total", money(shared.total, currency), "grand"),
  );
  byId("copy-cart").hidden = !lines.length;
  byId("shared").hidden = false;
  showCopying();
}

/** Adds what has not been copied yet: after a refusal, pressing again tries the rest. */
function copy() {
  for (const { sku, quantity } of lines) {
    if (copied.has(sku) || copying.has(sku)) continue;
    copying.add(sku);
    cart.add(sku, placeOf(sku), quantity);
  }
  showCopying();
}

/** @param {string} [completed] The place of a command that has just been completed. */
function showCopying(completed) {
  for (const [sku, { done, refusal }] of views) {
    const place = placeOf(sku);
    showRefusal(refusal, cart, place);
    if (cart.refusalAt(place)) copying.delete(sku);
    if (completed === place && copying.delete(sku)) copied.add(sku);
    setText(done, copied.has(sku) ? "In your cart." : "");
  }
  if (!views.size) return;
  const isWhole = copied.size === views.size;
  // The button stays where it is, so that nothing below it moves.
  disable("copy-cart", isWhole);
  if (isWhole) setText(byId("copy-cart"), "Copied");
  if (copying.size || !copied.size) return;
  const words = isWhole
    ? "Copied into your cart."
    : `${copied.size} of ${count(views.size, "product")} copied.`;
  if (byId("copied").dataset.words === words) return;
  byId("copied").dataset.words = words;
  byId("copied").replaceChildren(
    `${words} `,
    element(
      "button",
      {
        class: "link-button",
        type: "button",
        testid: "copied-view",
        on: { click: () => drawer.open() },
      },
      "View cart",
    ),
  );
}

/** @param {Error} error */
function showFailure(error) {
  const isUnknown = error instanceof Problem && error.status === 404;
  setText(
    byId("no-share-title"),
    isUnknown ? "No such shared cart" : "Couldn’t load the shared cart",
  );
  setText(
    byId("no-share-words"),
    isUnknown
      ? "The link is incomplete, or this shop did not make it. Ask for it again."
      : error.message,
  );
  byId("again").hidden = isUnknown;
  byId("no-share").hidden = false;
  if (isTemporary(error)) cancelRetry = whenBack(open);
}
