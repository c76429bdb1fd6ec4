/** The answer to Add: a panel under the header that says what was added and leads to the cart. */

import { byId, setText } from "../page/element.js";

/**
 * @import { ShoppersCart } from "./cart.js"
 * @import { Catalogue } from "./catalogue.js"
 * @import { Drawer } from "./drawer.js"
 */

const STAYS_MS = 6000;

/** It is shown once the service has the item; a screen reader hears the cart's own announcement. */
export class AddedPanel {
  #panel = byId("added");
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {Catalogue} catalogue
   * @param {ShoppersCart} cart
   * @param {Drawer} drawer
   */
  constructor(catalogue, cart, drawer) {
    const panel = this.#panel;
    cart.subscribe((_, completed) => {
      if (completed?.kind === "add" && completed.sku && !drawer.isOpen)
        this.#show(catalogue.nameOf(completed.sku), completed.quantity ?? 1);
    });
    byId("added-view").addEventListener("click", () => {
      this.#hide();
      drawer.open();
    });
    byId("cart-button").addEventListener("click", () => this.#hide());
    addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || panel.hidden) return;
      // The focus would be lost with the button that has it.
      if (panel.contains(document.activeElement)) byId("cart-button").focus();
      this.#hide();
    });
    // It stays while it is read or used.
    for (const stays of ["pointerenter", "focusin"])
      panel.addEventListener(stays, () => clearTimeout(this.#timer));
    for (const goes of ["pointerleave", "focusout"])
      panel.addEventListener(goes, () => this.#leave());
  }

  /**
   * @param {string} name
   * @param {number} quantity
   */
  #show(name, quantity) {
    setText(byId("added-words"), quantity > 1 ? `Added ${quantity} × ${name}` : `Added ${name}`);
    this.#panel.hidden = false;
    this.#leave();
  }

  #leave() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#hide(), STAYS_MS);
  }

  #hide() {
    clearTimeout(this.#timer);
    this.#panel.hidden = true;
  }
}
