/** The cart's drawer: lines, promotion, sums, undo and checkout, drawn from what the cart shows. */

import { byId, disable, element, onPress, setText } from "../page/element.js";
import { announce } from "../page/notices.js";
import { count, money, spokenMoney } from "../page/format.js";
import { PromotionForm, showTotals } from "./summary.js";
import { LineView } from "./line.js";

export class Drawer {
  #catalogue;
  #cart;
  #dialog = byId("drawer");
  #title = byId("drawer-title");
  #list = byId("lines");
  #checkout = byId("checkout");
  #views = new Map();
  #promotion;
  #touched = null;
  #ordered = null;

  constructor(catalogue, cart) {
    this.#catalogue = catalogue;
    this.#cart = cart;
    this.#promotion = new PromotionForm(cart);
    for (const button of this.#dialog.querySelectorAll("[data-close]")) button.addEventListener("click", () => this.#dialog.close());
    byId("undo").addEventListener("click", () => cart.undo());
    byId("clear").addEventListener("click", () => cart.clear());
    onPress("checkout", () => cart.checkout());
    // A click beside the drawer closes it, as with any sheet.
    this.#dialog.addEventListener("pointerdown", (event) => {
      if (event.target === this.#dialog && event.clientX < this.#dialog.getBoundingClientRect().left) this.#dialog.close();
    });
    this.#dialog.addEventListener("close", () => byId("cart-button").focus());
    cart.subscribe((shown, answered) => this.#show(shown, answered));
  }

  open() {
    this.#dialog.showModal();
    this.#title.focus();
  }

  /** Draws the lines anew, now that the catalogue has their pictures. */
  refresh() {
    this.#views.clear();
    this.#show(this.#cart.shown);
  }

  #show(shown, answered) {
    const open = shown.status === "open";
    const ordered = shown.status === "checked_out";
    const some = shown.lines.length > 0;
    this.#showCount(open ? shown.units : 0);
    this.#showLines(shown, open);
    this.#showOrder(shown, ordered);
    this.#promotion.show(shown);
    showTotals(shown);
    this.#list.hidden = ordered;
    byId("cart-empty").hidden = ordered || some;
    byId("drawer-foot").hidden = ordered || (!some && !shown.id);
    if (shown.status === "expired" && this.#dialog.dataset.status === "open") announce("This cart has expired");
    this.#dialog.dataset.status = shown.status;
    // The first product comes with the cart: before it there is nothing to go back to.
    byId("undo").hidden = !open || shown.version < 3;
    byId("clear").hidden = !open || !some;
    byId("why-link").hidden = !shown.id;
    byId("why-link").href = byId("order-history").href = `/history/${shown.id}`;
    disable("checkout", !open || !shown.settled || !some);
    setText(this.#checkout, shown.waiting.has("checkout") ? "Checking out…" : "Check out");
    setText(byId("cart-refusal"), ["undo", "checkout", "cart"].map((place) => this.#cart.refusals.get(place)).filter(Boolean).join(" "));
    // What can no longer be pressed loses the focus: it stays within the drawer.
    if (document.activeElement.disabled) this.#title.focus();
    if (answered) this.#say(answered, shown);
  }

  #showCount(units) {
    setText(byId("cart-count"), String(units));
    byId("cart-count").dataset.filled = String(units > 0);
    byId("cart-button").ariaLabel = units === 1 ? "Cart, 1 item" : `Cart, ${units} items`;
  }

  #showLines(shown, open) {
    // When the line that had the focus goes, the focus goes to its neighbour.
    const touched = this.#views.get(this.#touched);
    const lost = touched?.root.contains(document.activeElement) && !shown.lines.some((line) => line.sku === this.#touched);
    const at = lost ? [...this.#list.children].indexOf(touched.root) : -1;
    const kept = new Set(shown.lines.map((line) => line.sku));
    for (const sku of this.#views.keys()) if (!kept.has(sku)) this.#views.delete(sku);
    const roots = shown.lines.map((line) => {
      let view = this.#views.get(line.sku);
      if (!view) {
        view = new LineView(line.sku, this.#catalogue.product(line.sku), this.#cart, (sku) => (this.#touched = sku));
        this.#views.set(line.sku, view);
      }
      view.show(line, shown.currency, open);
      return view.root;
    });
    // Nodes are moved only when the order differs: moving one takes the focus from it.
    const same = roots.length === this.#list.children.length && roots.every((root, index) => this.#list.children[index] === root);
    if (!same) this.#list.replaceChildren(...roots);
    if (!lost) return;
    const next = shown.lines[Math.min(at, shown.lines.length - 1)];
    (next ? this.#views.get(next.sku).removeButton : this.#title).focus();
  }

  /** What the cart became: the order's number, and what is in it. */
  #showOrder(shown, ordered) {
    const order = ordered ? shown.id : null;
    if (order === this.#ordered) return;
    this.#ordered = order;
    byId("order").hidden = !ordered;
    setText(this.#title, ordered ? "Your order" : "Your cart");
    if (!ordered) return;
    const row = (name, value) => element("li", {}, element("span", {}, name), value);
    const write = (minor) => money(minor, shown.currency);
    setText(byId("order-number"), shown.order_id ?? "");
    byId("order-lines").replaceChildren(
      ...shown.lines.map((line) => row(`${line.quantity} × ${line.name}`, write(line.total))),
      ...(shown.discount ? [row(shown.promotion?.description ?? "Discount", `−${write(shown.discount)}`)] : []),
      row("Total", element("strong", { testid: "order-total" }, write(shown.total))),
    );
    if (this.#dialog.open) this.#title.focus();
  }

  #say({ sku, kind }, shown) {
    const line = shown.lines.find((line) => line.sku === sku);
    const total = `total ${spokenMoney(shown.total, shown.currency)}`;
    if (shown.status === "checked_out") announce(`Ordered, ${total}. Order number ${shown.order_id}`);
    else if (sku && line) announce(`${line.name}, quantity ${line.quantity}, ${total}`);
    else if (sku) announce(`${this.#catalogue.nameOf(sku)} removed, ${total}`);
    else if (shown.promotion && kind === "promote") announce(`${shown.promotion.description}, ${total}`);
    else announce(`${kind === "undo" ? "Undone" : "Cart"}, ${count(shown.units, "item")}, ${total}`);
  }
}
