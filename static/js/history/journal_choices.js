/** What the journal is filtered by: a chip for each type, two lists, and what was chosen in a row. */

import { byId, element } from "../page/element.js";
import { fullTime } from "../page/writing.js";
import { get } from "../service/request.js";
import { COMMANDS, TYPES } from "./kinds.js";

export const FILTERS = ["type", "sku", "command", "cart", "from", "to"];

export class Choices {
  #choose;
  #asked = {};
  #names = new Map();

  /** `choose(name, value)` asks for another question; a `null` value takes the filter off. */
  constructor(choose) {
    this.#choose = choose;
    const chip = (name, value) => element("button", { class: "chip", type: "button", value, testid: `type-${value || "all"}`, on: { click: () => choose("type", value || null) } }, name);
    byId("journal-types").replaceChildren(chip("All", ""), ...Object.entries(TYPES).map(([type, name]) => chip(name, type)));
    for (const name of ["sku", "command"]) byId(`journal-${name}`).addEventListener("change", ({ target }) => choose(name, target.value || null));
    byId("journal-command").append(...Object.entries(COMMANDS).map(([command, words]) => element("option", { value: command }, words)));
    this.#readProducts();
  }

  async #readProducts() {
    try {
      const { body } = await get("/api/products?limit=200");
      for (const { sku, name } of body.items) this.#names.set(sku, name);
      byId("journal-sku").append(...body.items.map(({ sku, name }) => element("option", { value: sku }, name)));
      this.show(this.#asked);
    } catch {
      // The products of the rows can still be chosen.
    }
  }

  show(asked) {
    this.#asked = asked;
    for (const chip of byId("journal-types").children) chip.setAttribute("aria-pressed", String(chip.value === (asked.type ?? "")));
    for (const name of ["sku", "command"]) this.#select(byId(`journal-${name}`), asked[name] ?? "");
    const words = {
      cart: (id) => `Cart …${id.slice(-8)}`,
      from: (at) => `From ${fullTime(at)}`,
      to: (at) => `Up to ${fullTime(at)}`,
    };
    const chips = Object.entries(words).filter(([name]) => asked[name]);
    const open = asked.cart ? [element("a", { class: "button small", href: `/history/${encodeURIComponent(asked.cart)}`, testid: "journal-open-cart" }, "Open this cart’s history")] : [];
    byId("journal-chosen").hidden = !chips.length;
    byId("journal-chosen").replaceChildren(...chips.map(([name, write]) => element("button", { class: "chip", type: "button", "aria-pressed": "true", testid: `without-${name}`, on: { click: () => this.#choose(name, null) } }, write(asked[name]), element("span", { "aria-hidden": "true" }, " ✕"), element("span", { class: "unseen" }, ", take this filter off"))), ...open);
  }

  /** A value that the list lacks, such as a product of old, is added: the list must not hide it. */
  #select(list, value) {
    if (value && ![...list.options].some((option) => option.value === value)) list.append(element("option", { value }, this.#names.get(value) ?? value));
    list.value = value;
  }

  /** Whether a live event is one of those that are asked for. */
  fits({ type, cart_id, recorded_at, data, meta }) {
    const { type: only, sku, command, cart, from, to } = this.#asked;
    const at = Date.parse(recorded_at);
    return (!only || only === type) && (!sku || sku === data.sku) && (!command || command === meta.command) && (!cart || cart === cart_id) && (!from || at >= Date.parse(from)) && (!to || at < Date.parse(to));
  }
}
