/** Search and categories. The selection is in the URL, so that it can be shared and reloaded. */

import { byId, element, setText } from "../page/element.js";

/**
 * @import { Catalogue } from "./catalogue.js"
 * @import { Grid } from "./grid.js"
 */

export class Filters {
  #catalogue;
  #grid;
  #search = byId("search");
  #category = "";

  /**
   * @param {Catalogue} catalogue
   * @param {Grid} grid
   */
  constructor(catalogue, grid) {
    this.#catalogue = catalogue;
    this.#grid = grid;
    const address = new URLSearchParams(location.search);
    this.#search.value = address.get("q") ?? "";
    this.#category = address.get("category") ?? "";
    this.#search.addEventListener("input", () => this.#apply());
    byId("filters").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#apply();
    });
  }

  show() {
    if (!this.#catalogue.categories.includes(this.#category)) this.#category = "";
    /** @param {string} name @param {string} value */
    const chip = (name, value) =>
      element("button", { class: "chip", type: "button", value, "aria-pressed": String(value === this.#category), testid: `category-${value || "all"}`, on: { click: () => this.#choose(value) } }, name);
    byId("categories").replaceChildren(chip("All", ""), ...this.#catalogue.categories.map((name) => chip(name, name)));
    this.#apply();
  }

  /** @param {string} category */
  #choose(category) {
    this.#category = category;
    for (const chip of byId("categories").children) chip.setAttribute("aria-pressed", String(chip.getAttribute("value") === category));
    this.#apply();
  }

  #clear() {
    this.#search.value = "";
    this.#choose("");
    this.#search.focus();
  }

  #apply() {
    const query = this.#search.value.trim();
    const found = this.#catalogue.find(query, this.#category);
    const address = new URLSearchParams();
    if (query) address.set("q", query);
    if (this.#category) address.set("category", this.#category);
    history.replaceState(null, "", `${location.pathname}${address.size ? `?${address}` : ""}${location.hash}`);
    setText(byId("found"), found.length === 1 ? "1 product" : `${found.length} products`);
    this.#grid.show(found, () => this.#clear());
  }
}
