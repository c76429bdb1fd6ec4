/**
 * The filters of the event log: what can be chosen, what is, and which live events it lets through.
 */

import { byId, element, setText } from "../page/element.js";
import { COMMAND_NAMES, commandLabel, TYPES } from "../page/event_types.js";
import { fullTime } from "../page/format.js";
import { get, isTemporary } from "../service/request.js";
import { whenBack } from "../service/retry.js";

/**
 * The filters and the label of each on its chip. The product is last: its name may load late, and
 * would move the chips behind it.
 * @type {Record<string, string>}
 */
export const FILTERS = {
  type: "Type",
  cart: "Cart",
  order_id: "Order",
  from: "From",
  to: "To",
  command: "Command",
  promotion: "Code",
  sku: "Product",
};

/** @typedef {Record<string, string | null>} Query Filters, order and cursor. */

/**
 * The end of an id, which is enough to tell two from each other.
 * @param {string} id
 */
export const idEnd = (id) => `…${id.slice(-8)}`;

/** The filters: a chip for each type, a removable chip for every other filter, and two lists. */
export class Choices {
  #choose;
  /** @type {Query} */
  #query = {};
  /** @type {Map<string, string>} */
  #names = new Map();

  /**
   * @param {(name: string, value: string | null) => void} choose Sets a filter; `null` removes it.
   */
  constructor(choose) {
    this.#choose = choose;
    /** @param {string} name @param {string} value */
    const chip = (name, value) =>
      element(
        "button",
        {
          class: "chip",
          type: "button",
          value,
          testid: `type-${value || "all"}`,
          on: { click: () => choose("type", value || null) },
        },
        name,
      );
    byId("journal-types").replaceChildren(
      chip("All", ""),
      ...Object.entries(TYPES).map(([type, name]) => chip(name, type)),
    );
    for (const [name, list] of Object.entries({
      sku: byId("journal-sku"),
      command: byId("journal-command"),
    }))
      list.addEventListener("change", () => {
        choose(name, list.value);
        list.value = "";
      });
    this.#offer(
      "command",
      COMMAND_NAMES.map((name) => [name, commandLabel(name)]),
    );
    this.#readProducts();
  }

  /**
   * @param {string} name
   * @param {[string, string][]} choices
   */
  #offer(name, choices) {
    byId(`journal-${name}`).append(
      ...choices.map(([value, words]) => element("option", { value }, words)),
    );
  }

  async #readProducts() {
    try {
      /** @type {{ body: Api.ProductPage }} */
      const { body } = await get("/api/products?limit=200");
      this.#names = new Map(body.items.map(({ sku, name }) => [sku, name]));
      this.#offer("sku", [...this.#names]);
      const chip = this.chip("sku");
      if (chip?.firstElementChild) setText(chip.firstElementChild, this.#words("sku"));
    } catch (error) {
      // Until then the products of the rows can be selected.
      if (isTemporary(error)) whenBack(() => this.#readProducts());
    }
  }

  /** @param {string} name */
  #words(name) {
    const value = this.#query[name] ?? "";
    /** @type {Record<string, () => string>} */
    const formats = {
      cart: () => idEnd(value),
      order_id: () => idEnd(value),
      from: () => fullTime(value),
      to: () => fullTime(value),
      command: () => commandLabel(value),
      promotion: () => value,
      sku: () => this.#names.get(value) ?? value,
    };
    return `${FILTERS[name]}: ${formats[name]()}`;
  }

  /**
   * The chip that removes the filter; for `null`, of any filter.
   * @param {string | null} name
   */
  chip(name) {
    return /** @type {HTMLElement | null} */ (
      byId("journal-chosen").querySelector(name ? `[value="${name}"]` : "button")
    );
  }

  /** @param {Query} query */
  show(query) {
    this.#query = query;
    for (const chip of byId("journal-types").children)
      chip.setAttribute("aria-pressed", String(chip.getAttribute("value") === (query.type ?? "")));
    const chips = Object.keys(FILTERS).filter((name) => name !== "type" && query[name]);
    const chosen = byId("journal-chosen");
    chosen.hidden = !chips.length;
    chosen.replaceChildren(
      ...chips.map((value) =>
        element(
          "button",
          {
            class: "chip",
            type: "button",
            value,
            testid: `without-${value}`,
            on: { click: () => this.#choose(value, null) },
          },
          element("span", {}, this.#words(value)),
          element("span", { "aria-hidden": "true" }, " ×"),
          element("span", { class: "unseen" }, ", remove this filter"),
        ),
      ),
    );
    /** @param {string} href @param {string} testid @param {string} words */
    const way = (href, testid, words) =>
      chosen.prepend(element("a", { class: "button small", href, testid }, words));
    if (query.cart)
      way(
        `/history/${encodeURIComponent(query.cart)}`,
        "journal-open-cart",
        "Open this cart’s history",
      );
    if (query.order_id)
      way(`/orders/${encodeURIComponent(query.order_id)}`, "journal-open-order", "Open this order");
  }

  /** Scrolls to the selected type: a narrow page cannot show all types. */
  reveal() {
    const types = byId("journal-types");
    // An unknown type has no chip.
    const { offsetLeft, offsetWidth } = /** @type {HTMLElement} */ (
      types.querySelector("[aria-pressed=true]") ?? types
    );
    const at = offsetLeft - types.offsetLeft;
    if (at < types.scrollLeft || at + offsetWidth > types.scrollLeft + types.clientWidth)
      types.scrollLeft = at;
  }

  /**
   * Whether a live event matches the filters.
   * @param {Api.Event} event
   */
  fits({ type, cart_id, order_id, recorded_at, data, meta }) {
    const { type: only, sku, command, promotion, cart, order_id: order, from, to } = this.#query;
    const at = Date.parse(recorded_at);
    return (
      (!only || only === type) &&
      (!sku || sku === data.sku) &&
      (!command || command === meta.command) &&
      (!promotion || promotion === data.code || promotion === data.promotion) &&
      (!cart || (cart === cart_id && !order_id)) &&
      (!order || order === order_id) &&
      (!from || at >= Date.parse(from)) &&
      (!to || at < Date.parse(to))
    );
  }
}
