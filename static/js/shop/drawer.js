/** The cart drawer: lines, discount code, totals, undo and checkout. */

import { byId, disable, element, onPress, setText } from "../page/element.js";
import { announce } from "../page/notices.js";
import { count, money, spokenMoney } from "../page/format.js";
import { PromotionForm, showTotals } from "./summary.js";
import { LineView } from "./line.js";

/**
 * @import { ShoppersCart } from "./cart.js"
 * @import { Catalogue } from "./catalogue.js"
 * @import { Command, ShownCart } from "./commands.js"
 */

export class Drawer {
  #catalogue;
  #cart;
  #dialog = byId("drawer");
  #title = byId("drawer-title");
  #list = byId("lines");
  #checkout = byId("checkout");
  /** @type {Map<string, LineView>} */
  #views = new Map();
  #promotion;
  /** @type {string | null} */
  #touched = null;
  /** @type {string | null} */
  #ordered = null;

  /**
   * @param {Catalogue} catalogue
   * @param {ShoppersCart} cart
   */
  constructor(catalogue, cart) {
    this.#catalogue = catalogue;
    this.#cart = cart;
    this.#promotion = new PromotionForm(cart);
    for (const button of this.#dialog.querySelectorAll("[data-close]")) button.addEventListener("click", () => this.#dialog.close());
    byId("undo").addEventListener("click", () => cart.undo());
    byId("clear").addEventListener("click", () => cart.clear());
    onPress("checkout", () => cart.checkout());
    // A click on the backdrop closes the drawer.
    this.#dialog.addEventListener("pointerdown", (event) => {
      if (event.target === this.#dialog && event.clientX < this.#dialog.getBoundingClientRect().left) this.#dialog.close();
    });
    this.#dialog.addEventListener("close", () => byId("cart-button").focus());
    cart.subscribe((shown, completed) => this.#show(shown, completed));
  }

  open() {
    this.#dialog.showModal();
    this.#title.focus();
  }

  /** Renders the lines again, once the catalogue has their pictures. */
  refresh() {
    this.#views.clear();
    this.#show(this.#cart.shown);
  }

  /**
   * @param {ShownCart} shown
   * @param {Command} [completed]
   */
  #show(shown, completed) {
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
    // A new cart has two events, which cannot be undone.
    byId("undo").hidden = !open || shown.version < 3;
    byId("clear").hidden = !open || !some;
    byId("why-link").hidden = !shown.id;
    byId("why-link").href = byId("order-history").href = `/history/${shown.id}`;
    disable("checkout", !open || !shown.settled || !some);
    setText(this.#checkout, shown.waiting.has("checkout") ? "Checking out…" : "Check out");
    setText(byId("cart-refusal"), ["undo", "checkout", "cart"].map((place) => this.#cart.refusals.get(place)).filter(Boolean).join(" "));
    // A button that was disabled loses the focus: keep it in the drawer.
    if (document.activeElement?.matches(":disabled")) this.#title.focus();
    if (completed) this.#announce(completed, shown);
  }

  /** @param {number} units */
  #showCount(units) {
    setText(byId("cart-count"), String(units));
    byId("cart-count").dataset.filled = String(units > 0);
    byId("cart-button").ariaLabel = units === 1 ? "Cart, 1 item" : `Cart, ${units} items`;
  }

  /**
   * @param {ShownCart} shown
   * @param {boolean} open
   */
  #showLines(shown, open) {
    // When the focused line is removed, the focus moves to its neighbour.
    const touched = this.#views.get(this.#touched ?? "");
    const lost = touched?.root.contains(document.activeElement) && !shown.lines.some((line) => line.sku === this.#touched);
    const at = touched && lost ? [...this.#list.children].indexOf(touched.root) : -1;
    const kept = new Set(shown.lines.map((line) => line.sku));
    for (const sku of this.#views.keys()) if (!kept.has(sku)) this.#views.delete(sku);
    const roots = shown.lines.map((line) => {
      let view = this.#views.get(line.sku);
      if (!view) {
        view = new LineView(line.sku, this.#catalogue.product(line.sku), this.#cart, (sku) => (this.#touched = sku));
        this.#views.set(line.sku, view);
      }
      view.show(line, shown.currency ?? "EUR", open);
      return view.root;
    });
    // Nodes are moved only when the order differs: a moved node loses the focus.
    const same = roots.length === this.#list.children.length && roots.every((root, index) => this.#list.children[index] === root);
    if (!same) this.#list.replaceChildren(...roots);
    if (!lost) return;
    const next = shown.lines[Math.min(at, shown.lines.length - 1)];
    ((next && this.#views.get(next.sku)?.removeButton) ?? this.#title).focus();
  }

  /**
   * The order: its number and its lines.
   * @param {ShownCart} shown
   * @param {boolean} ordered
   */
  #showOrder(shown, ordered) {
    const order = ordered ? shown.id : null;
    if (order === this.#ordered) return;
    this.#ordered = order;
    byId("order").hidden = !ordered;
    setText(this.#title, ordered ? "Your order" : "Your cart");
    if (!ordered) return;
    /** @param {string} name @param {string | Node} value */
    const row = (name, value) => element("li", {}, element("span", {}, name), value);
    const { currency = "EUR" } = shown;
    /** @param {number} minor */
    const write = (minor) => money(minor, currency);
    setText(byId("order-number"), shown.order_id ?? "");
    byId("order-lines").replaceChildren(
      ...shown.lines.map((line) => row(`${line.quantity} × ${line.name}`, write(line.total ?? 0))),
      ...(shown.discount ? [row(shown.promotion?.description ?? "Discount", `−${write(shown.discount)}`)] : []),
      row("Total", element("strong", { testid: "order-total" }, write(shown.total))),
    );
    if (this.#dialog.open) this.#title.focus();
  }

  /**
   * @param {Command} command
   * @param {ShownCart} shown
   */
  #announce({ sku, kind }, shown) {
    const line = shown.lines.find((line) => line.sku === sku);
    const total = `total ${spokenMoney(shown.total, shown.currency ?? "EUR")}`;
    if (shown.status === "checked_out") announce(`Ordered, ${total}. Order number ${shown.order_id}`);
    else if (sku && line) announce(`${line.name}, quantity ${line.quantity}, ${total}`);
    else if (sku) announce(`${this.#catalogue.nameOf(sku)} removed, ${total}`);
    else if (shown.promotion && kind === "promote") announce(`${shown.promotion.description}, ${total}`);
    else announce(`${kind === "undo" ? "Undone" : "Cart"}, ${count(shown.units, "item")}, ${total}`);
  }
}
