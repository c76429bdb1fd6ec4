/** The cart drawer: lines, discount code, totals, undo, sharing, and checkout with its review. */

import { byId, disable, onPress, setText } from "../page/element.js";
import { announce, placeNotices, showRefusal } from "../page/notices.js";
import { count, spokenMoney } from "../page/format.js";
import { rememberOrder, rememberUnits } from "../service/own_carts.js";
import { PromotionForm, showTotals } from "./summary.js";
import { LineView } from "./line.js";
import { lineRows, orderNumber, totalRows } from "./order_lines.js";
import { ShareButton } from "./share.js";

/**
 * @import { ShoppersCart } from "./cart.js"
 * @import { Catalogue } from "./catalogue.js"
 * @import { Command, ShownCart } from "./commands.js"
 */

/** Where the drawer shows the cart, and where it shows the review before the order. */
const CART = "#cart";
const REVIEW = "#checkout";

export class Drawer {
  #catalogue;
  #cart;
  #dialog = byId("drawer");
  #title = byId("drawer-title");
  #list = byId("lines");
  /** @type {Map<string, LineView>} */
  #views = new Map();
  #promotion;
  /** @type {string | null} */
  #touched = null;
  /** @type {string | null} */
  #ordered = null;
  /** @type {string | null} */
  #noticed = null;
  #share = new ShareButton();
  /** Whether steps back lead out of the drawer. */
  #isLeaving = false;
  /** The version that the shopper began to review; 0 where there is no review. */
  #reviewed = 0;

  /**
   * @param {Catalogue} catalogue
   * @param {ShoppersCart} cart
   */
  constructor(catalogue, cart) {
    this.#catalogue = catalogue;
    this.#cart = cart;
    this.#promotion = new PromotionForm(cart);
    for (const button of this.#dialog.querySelectorAll("[data-close]"))
      button.addEventListener("click", () => this.#dialog.close());
    byId("undo").addEventListener("click", () => cart.undo());
    byId("clear").addEventListener("click", () => cart.clear());
    onPress("checkout", () => this.#step(REVIEW));
    onPress("place-order", () => cart.checkout());
    byId("review-back").addEventListener("click", () => this.#backToCart());
    // A click on the backdrop closes the drawer.
    this.#dialog.addEventListener("pointerdown", (event) => {
      if (
        event.target === this.#dialog &&
        event.clientX < this.#dialog.getBoundingClientRect().left
      )
        this.#dialog.close();
    });
    this.#dialog.addEventListener("close", () => {
      this.#leaveAddress();
      placeNotices();
      byId("cart-button").focus();
    });
    cart.subscribe((shown, completed) => this.#show(shown, completed));
    addEventListener("popstate", () => this.#followAddress());
    this.#followAddress();
  }

  get isOpen() {
    return this.#dialog.open;
  }

  /** Opens the drawer as a page of its own, which Back leaves. */
  open() {
    this.#step(CART);
  }

  /**
   * One step forward. `drawer` counts the steps that lead back out of the drawer.
   * @param {typeof CART | typeof REVIEW} address
   */
  #step(address) {
    if (location.hash !== address)
      history.pushState(
        { drawer: (history.state?.drawer ?? 0) + 1 },
        "",
        location.pathname + location.search + address,
      );
    this.#followAddress();
  }

  #backToCart() {
    if (history.state?.drawer) {
      history.back();
      return;
    }
    history.replaceState(null, "", location.pathname + location.search + CART);
    this.#followAddress();
  }

  #followAddress() {
    const isHere = [CART, REVIEW].includes(location.hash);
    if (this.#isLeaving) {
      this.#isLeaving = false;
      // The page itself was opened with the drawer.
      if (isHere) history.replaceState(null, "", location.pathname + location.search);
    } else if (!isHere) this.#dialog.close();
    else {
      if (!this.#dialog.open) {
        this.#dialog.showModal();
        placeNotices();
        this.#cart.readNotices();
      }
      this.#reviewed = 0;
      this.#show(this.#cart.shown);
      this.#title.focus();
    }
  }

  #leaveAddress() {
    if (![CART, REVIEW].includes(location.hash)) return;
    const steps = history.state?.drawer ?? 0;
    if (steps) {
      this.#isLeaving = true;
      // Going back to a fragment, such as the skip link's, would move the focus there.
      addEventListener(
        "popstate",
        () => setTimeout(() => this.#dialog.open || byId("cart-button").focus()),
        { once: true },
      );
      history.go(-steps);
    } else history.replaceState(null, "", location.pathname + location.search);
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
    // A drawer that is open from the start waits for its cart.
    if (this.#dialog.open && this.#cart.ready && shown.id !== this.#noticed) {
      this.#noticed = shown.id;
      this.#cart.readNotices();
    }
    this.#showCount(open ? shown.units : 0);
    this.#showLines(shown, open);
    this.#showOrder(shown, ordered);
    this.#promotion.show(shown);
    showTotals(shown);
    this.#list.hidden = ordered;
    byId("cart-empty").hidden = ordered || some;
    byId("drawer-foot").hidden = ordered || (!some && !shown.id);
    if (shown.status === "expired" && this.#dialog.dataset.status === "open")
      announce("This cart has expired");
    this.#dialog.dataset.status = shown.status;
    // A new cart has two events, which cannot be undone.
    byId("undo").hidden = !open || shown.version < 3;
    byId("clear").hidden = !open || !some;
    byId("why-link").hidden = !shown.id;
    byId("why-link").href = byId("order-history").href = `/history/${shown.id}`;
    disable("checkout", !open || !shown.settled || !some);
    this.#showReview(shown, open && some && location.hash === REVIEW);
    this.#share.show(shown);
    showRefusal(byId("cart-refusal"), this.#cart, "undo", "checkout", "cart");
    // A button that was disabled loses the focus: keep it in the drawer.
    if (document.activeElement?.matches(":disabled")) this.#title.focus();
    if (completed) this.#announce(completed, shown);
  }

  /** @param {number} units */
  #showCount(units) {
    if (this.#cart.ready) rememberUnits(units);
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
    const lost =
      touched?.root.contains(document.activeElement) &&
      !shown.lines.some((line) => line.sku === this.#touched);
    const at = touched && lost ? [...this.#list.children].indexOf(touched.root) : -1;
    const kept = new Set(shown.lines.map((line) => line.sku));
    for (const sku of this.#views.keys()) if (!kept.has(sku)) this.#views.delete(sku);
    const roots = shown.lines.map((line) => {
      let view = this.#views.get(line.sku);
      if (!view) {
        view = new LineView(
          line.sku,
          this.#catalogue.product(line.sku),
          this.#cart,
          (sku) => (this.#touched = sku),
        );
        this.#views.set(line.sku, view);
      }
      view.show(line, shown.currency ?? this.#catalogue.currency, open);
      return view.root;
    });
    // Nodes are moved only when the order differs: a moved node loses the focus.
    const same =
      roots.length === this.#list.children.length &&
      roots.every((root, index) => this.#list.children[index] === root);
    if (!same) this.#list.replaceChildren(...roots);
    if (!lost) return;
    const next = shown.lines[Math.min(at, shown.lines.length - 1)];
    ((next && this.#views.get(next.sku)?.removeButton) ?? this.#title).focus();
  }

  /**
   * The step before the order is final: what is ordered and what it costs.
   * @param {ShownCart} shown
   * @param {boolean} isReview
   */
  #showReview(shown, isReview) {
    this.#dialog.dataset.step = isReview ? "review" : "cart";
    setText(
      this.#title,
      shown.status === "checked_out" ? "Your order" : isReview ? "Review your order" : "Your cart",
    );
    if (!isReview) {
      this.#reviewed = 0;
      return;
    }
    // The shopper changes nothing here: another version is a change from elsewhere.
    this.#reviewed ||= shown.version;
    setText(
      byId("review-note"),
      shown.version === this.#reviewed ? "" : "Your cart has changed. Please check it again.",
    );
    byId("review-lines").replaceChildren(
      ...lineRows(shown.lines, shown.currency ?? this.#catalogue.currency),
    );
    disable("place-order", !shown.settled);
    setText(byId("place-order"), shown.waiting.has("checkout") ? "Placing order…" : "Place order");
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
    if (!order) return;
    rememberOrder(order);
    const { currency = this.#catalogue.currency } = shown;
    setText(byId("order-number"), orderNumber(shown.order_id ?? ""));
    byId("order-receipt").href = `/receipts/${order}`;
    byId("order-lines").replaceChildren(
      ...lineRows(shown.lines, currency),
      ...totalRows(shown, currency),
    );
    if (this.#dialog.open) this.#title.focus();
  }

  /**
   * @param {Command} command
   * @param {ShownCart} shown
   */
  #announce({ sku, kind }, shown) {
    const line = shown.lines.find((line) => line.sku === sku);
    const total = `total ${spokenMoney(shown.total, shown.currency ?? this.#catalogue.currency)}`;
    if (shown.status === "checked_out")
      announce(`Ordered, ${total}. Order number ${orderNumber(shown.order_id ?? "")}`);
    else if (sku && line) announce(`${line.name}, quantity ${line.quantity}, ${total}`);
    else if (sku) announce(`${this.#catalogue.nameOf(sku)} removed, ${total}`);
    else if (shown.promotion && kind === "promote")
      announce(`${shown.promotion.description}, ${total}`);
    else
      announce(`${kind === "undo" ? "Undone" : "Cart"}, ${count(shown.units, "item")}, ${total}`);
  }
}
