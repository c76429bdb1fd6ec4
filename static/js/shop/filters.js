/**
 * Search, categories, price range and order of the grid. The selection is in the URL, so that it
 * can be shared and Back undoes it.
 */

import { byId, element, setAttribute, setText } from "../page/element.js";
import { money, parseAmount } from "../page/format.js";
import { ORDERS } from "./catalogue.js";

/**
 * @import { Catalogue } from "./catalogue.js"
 * @import { Grid } from "./grid.js"
 */

export class Filters {
  #catalogue;
  #grid;
  #search = byId("search");
  #min = byId("price-min");
  #max = byId("price-max");
  #sort = byId("sort");
  #category = "";

  /**
   * @param {Catalogue} catalogue
   * @param {Grid} grid
   */
  constructor(catalogue, grid) {
    this.#catalogue = catalogue;
    this.#grid = grid;
    this.#readAddress();
    for (const field of [this.#search, this.#min, this.#max])
      field.addEventListener("input", () => this.#type(field.id));
    this.#sort.addEventListener("change", () => this.#write("pushState"));
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    addEventListener("popstate", () => {
      this.#readAddress();
      if (this.#catalogue.products.length) this.#render();
    });
  }

  #readAddress() {
    const address = new URLSearchParams(location.search);
    this.#search.value = address.get("q") ?? "";
    this.#min.value = address.get("min") ?? "";
    this.#max.value = address.get("max") ?? "";
    const sort = address.get("sort") ?? "";
    this.#sort.value = Object.hasOwn(ORDERS, sort) ? sort : "";
    this.#category = address.get("category") ?? "";
  }

  show() {
    /** @param {string} name @param {string} value */
    const chip = (name, value) =>
      element(
        "button",
        {
          class: "chip",
          type: "button",
          value,
          testid: `category-${value || "all"}`,
          on: { click: () => this.#choose(value) },
        },
        name,
      );
    byId("categories").replaceChildren(
      chip("All", ""),
      ...this.#catalogue.categories.map((name) => chip(name, name)),
    );
    this.#render();
  }

  /** @param {string} category */
  #choose(category) {
    this.#category = category;
    this.#write("pushState");
  }

  /**
   * What is typed in one field is one step back, however many letters it has.
   * @param {string} typing
   */
  #type(typing) {
    this.#write(history.state?.typing === typing ? "replaceState" : "pushState", { typing });
  }

  #clear() {
    for (const field of [this.#search, this.#min, this.#max, this.#sort]) field.value = "";
    this.#choose("");
    this.#search.focus();
  }

  /**
   * @param {"pushState" | "replaceState"} how
   * @param {{ typing: string }} [state]
   */
  #write(how, state) {
    const address = new URLSearchParams();
    const chosen = {
      q: this.#search.value,
      category: this.#category,
      min: this.#min.value,
      max: this.#max.value,
      sort: this.#sort.value,
    };
    for (const [name, value] of Object.entries(chosen))
      if (value.trim()) address.set(name, value.trim());
    const wanted = address.size ? `?${address}` : "";
    if (wanted !== location.search) history[how](state ?? null, "", location.pathname + wanted);
    this.#render();
  }

  /**
   * The price range in minor units. One that cannot be read filters nothing, and says so.
   * @returns {{ min: number | null, max: number | null }}
   */
  #priceRange() {
    const { currency } = this.#catalogue;
    /** @param {HTMLInputElement} field */
    const read = (field) =>
      field.value.trim() ? (parseAmount(field.value, currency) ?? NaN) : null;
    const [min, max] = [read(this.#min), read(this.#max)];
    const unread = [min, max].some(Number.isNaN);
    const crossed = min !== null && max !== null && min > max;
    setText(
      byId("price-refusal"),
      unread
        ? `Enter a price such as ${money(2000, currency)}, without its symbol.`
        : crossed
          ? "The lower price is above the higher one."
          : "",
    );
    setAttribute(this.#min, "aria-invalid", Number.isNaN(min) || crossed ? "true" : null);
    setAttribute(this.#max, "aria-invalid", Number.isNaN(max) || crossed ? "true" : null);
    return unread || crossed ? { min: null, max: null } : { min, max };
  }

  #render() {
    if (!this.#catalogue.categories.includes(this.#category)) this.#category = "";
    for (const chip of byId("categories").children)
      chip.setAttribute("aria-pressed", String(chip.getAttribute("value") === this.#category));
    const found = this.#catalogue.find({
      query: this.#search.value.trim(),
      category: this.#category,
      sort: this.#sort.value,
      ...this.#priceRange(),
    });
    setText(byId("found"), found.length === 1 ? "1 product" : `${found.length} products`);
    this.#grid.show(found, () => this.#clear());
  }
}
