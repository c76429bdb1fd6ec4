/** The cart's drawer: lines, promotion, totals, undo and checkout, drawn from what the cart shows. */

import { announce } from "../page/announce.js";
import { byId, element, icon, setText } from "../page/element.js";
import { spokenMoney } from "../page/money.js";
import { LineView } from "./line.js";
import { orderView } from "./order.js";
import { PromotionForm } from "./promotion.js";
import { Totals } from "./totals.js";

export class Drawer {
  #catalogue;
  #cart;
  #dialog = byId("drawer");
  #views = new Map();
  #totals = new Totals();
  #promotion;
  #touched = null;
  #orderShown = null;
  #title = element("h2", { id: "drawer-title", tabIndex: -1 }, "Your cart");
  #body = element("div", { class: "drawer-body", data: { testid: "cart-body" } });
  #list = element("ul", { data: { testid: "lines" } });
  #note = element("p", { class: "note", data: { testid: "cart-note" } });
  #refusal = element("p", { class: "refusal", role: "alert", data: { testid: "cart-refusal" } });
  #empty;
  #foot;
  #undo;
  #clear;
  #checkout;
  #why;

  constructor(catalogue, cart) {
    this.#catalogue = catalogue;
    this.#cart = cart;
    this.#promotion = new PromotionForm(cart);
    this.#build();
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

  #build() {
    const close = () => this.#dialog.close();
    this.#empty = element(
      "div",
      { class: "empty", data: { testid: "cart-empty" } },
      element("h2", {}, "Nothing in it yet"),
      element("p", {}, "Whatever you put in stays here, through reloads and in your other tabs."),
      element("button", { class: "button", type: "button", on: { click: close } }, "Look around"),
    );
    this.#undo = element("button", { class: "button quiet small", type: "button", title: "Undo the last change", data: { testid: "undo" }, on: { click: () => this.#cart.undo() } }, icon("M8 5L4 9l4 4", "M4 9h10a5.5 5.5 0 0 1 0 11h-3"), "Undo");
    this.#clear = element("button", { class: "link-button", type: "button", data: { testid: "clear" }, on: { click: () => this.#cart.clear() } }, "Empty the cart");
    this.#checkout = element("button", { class: "button primary checkout", type: "button", data: { testid: "checkout" }, on: { click: () => this.#tryCheckout() } }, "Check out");
    this.#why = element("a", { data: { testid: "why-link" } }, "Why is my cart like this?");
    this.#body.append(this.#note, this.#empty, this.#list);
    this.#foot = element("div", { class: "drawer-foot" }, this.#promotion.root, this.#totals.root, this.#refusal, this.#checkout, element("div", { class: "drawer-links" }, this.#why, this.#clear));
    this.#dialog.append(
      element("div", { class: "drawer-head" }, this.#title, this.#undo, element("button", { class: "button quiet icon", type: "button", "aria-label": "Close the cart", data: { testid: "drawer-close" }, on: { click: close } }, icon("M6 6l12 12M18 6L6 18"))),
      this.#body,
      this.#foot,
      element("div", { class: "unseen", "aria-live": "polite", data: { live: "" } }),
    );
    // A click beside the drawer closes it, as with any sheet.
    this.#dialog.addEventListener("pointerdown", (event) => {
      if (event.target !== this.#dialog) return;
      if (event.clientX < this.#dialog.getBoundingClientRect().left) close();
    });
    this.#dialog.addEventListener("close", () => byId("cart-button").focus());
  }

  #tryCheckout() {
    if (this.#checkout.getAttribute("aria-disabled") !== "true") this.#cart.checkout();
  }

  #show(shown, answered) {
    const open = shown.status === "open";
    const ordered = shown.status === "checked_out";
    this.#showCount(open ? shown.units : 0);
    this.#showLines(shown, open);
    this.#showOrder(ordered ? shown : null);
    this.#list.hidden = ordered;
    this.#empty.hidden = ordered || shown.lines.length > 0;
    this.#foot.hidden = ordered || (shown.lines.length === 0 && !shown.id);
    this.#note.hidden = shown.status !== "expired";
    setText(this.#note, "This cart has expired. Add something and a new one opens by itself.");
    this.#promotion.show(shown);
    this.#promotion.root.hidden = !open;
    this.#totals.show(shown);
    this.#undo.hidden = !open || shown.version < 2;
    this.#clear.hidden = !open || shown.lines.length === 0;
    this.#why.hidden = !shown.id;
    if (shown.id) this.#why.href = `/history/${shown.id}`;
    this.#checkout.hidden = !open;
    // Kept focusable, so that focus does not fall off it while a change is on its way.
    this.#checkout.setAttribute("aria-disabled", String(!shown.settled || shown.lines.length === 0));
    setText(this.#checkout, shown.waiting.has("checkout") ? "Checking out …" : "Check out");
    const words = ["undo", "checkout", "cart"].map((place) => this.#cart.refusals.get(place)).filter(Boolean);
    setText(this.#refusal, words.join(" "));
    if (answered) this.#say(answered, shown);
  }

  #showCount(units) {
    const count = byId("cart-count");
    setText(count, String(units));
    count.dataset.filled = String(units > 0);
    byId("cart-button").setAttribute("aria-label", units === 1 ? "Cart, 1 item" : `Cart, ${units} items`);
  }

  #showLines(shown, open) {
    const gone = this.#touched !== null && !shown.lines.some((line) => line.sku === this.#touched);
    const lost = gone && this.#views.get(this.#touched)?.root.contains(document.activeElement);
    const at = lost ? [...this.#list.children].indexOf(this.#views.get(this.#touched).root) : -1;
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
    if (lost) {
      const next = shown.lines[Math.min(at, shown.lines.length - 1)];
      (next ? this.#views.get(next.sku).removeButton : this.#title).focus();
    }
  }

  #showOrder(shown) {
    if (shown?.id === this.#orderShown?.id) return;
    this.#orderShown?.view.remove();
    this.#orderShown = shown ? { id: shown.id, view: orderView(shown, () => this.#dialog.close()) } : null;
    setText(this.#title, shown ? "Your order" : "Your cart");
    if (!this.#orderShown) return;
    this.#body.prepend(this.#orderShown.view);
    if (this.#dialog.open) this.#title.focus();
  }

  /** Says what a command did, once it is settled. */
  #say(answered, shown) {
    const line = shown.lines.find((line) => line.sku === answered.sku);
    const total = `total ${spokenMoney(shown.total, shown.currency)}`;
    if (shown.status === "checked_out") announce(`Ordered, ${total}. Order number ${shown.order_id}`);
    else if (answered.sku && line) announce(`${line.name}, quantity ${line.quantity}, ${total}`);
    else if (answered.sku) announce(`${this.#catalogue.nameOf(answered.sku)} removed, ${total}`);
    else if (shown.promotion && answered.kind === "promote") announce(`${shown.promotion.description}, ${total}`);
    else if (answered.kind === "undo") announce(`Undone, ${total}`);
    else announce(`Cart, ${shown.units} items, ${total}`);
  }
}
