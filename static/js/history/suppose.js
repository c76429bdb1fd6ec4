/**
 * The form that supposes something: another quantity of the selected event, or a product or a code
 * right after it.
 */

import { byId, element, setText } from "../page/element.js";
import { unitsOf } from "../page/event_types.js";
import { get } from "../service/request.js";
import { MAX_CHANGES } from "./address.js";

/**
 * @import { CartHistory } from "./cart_history.js"
 * @import { Moment } from "./moment.js"
 * @import { EventList } from "./event_list.js"
 */

/** Products of a catalogue that the form offers. */
const PRODUCTS = "/api/products?limit=200";

export class Suppose {
  #page;
  #kind = byId("suppose-kind");
  #quantity = byId("suppose-quantity");
  #sku = byId("suppose-sku");
  #code = byId("suppose-code");
  /** @type {Moment | null} */
  #moment = null;
  #shown = "";
  /** The kind that the reader wants, where the event allows it. */
  #chosen = "quantity";
  /** @type {Promise<void> | null} */
  #products = null;

  /**
   * @param {CartHistory} page
   * @param {EventList} eventList
   */
  constructor(page, eventList) {
    this.#page = page;
    byId("suppose").hidden = eventList.byOperator;
    this.#kind.addEventListener("change", () => {
      this.#chosen = this.#kind.value;
      this.#arrange();
    });
    byId("suppose").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#suppose();
    });
  }

  /** @param {Moment} moment */
  show(moment) {
    this.#moment = moment;
    const { version, event, variant } = moment;
    const key = `${version} ${variant}`;
    if (key === this.#shown) return;
    const moved = !this.#shown.startsWith(`${version} `);
    this.#shown = key;
    const units = Math.abs(unitsOf(event));
    setText(byId("suppose-title"), `What if, at event ${version}, …`);
    for (const option of this.#kind.options)
      if (option.value === "quantity") option.disabled = !units;
    if (moved) {
      // An event without units has no quantity to change.
      this.#kind.value = this.#chosen === "quantity" && !units ? "add" : this.#chosen;
      this.#quantity.value = String(units && this.#kind.value === "quantity" ? units : 1);
    }
    setText(byId("suppose-refusal"), "");
    this.#arrange();
  }

  #arrange() {
    const kind = this.#kind.value;
    byId("suppose-sku-field").hidden = kind !== "add";
    byId("suppose-quantity-field").hidden = kind === "code";
    byId("suppose-code-field").hidden = kind !== "code";
    if (kind === "add") this.#products ??= this.#offerProducts();
  }

  async #offerProducts() {
    try {
      /** @type {{ body: Api.ProductPage }} */
      const { body } = await get(PRODUCTS, { accept: "*/*" });
      this.#sku.replaceChildren(
        ...body.items.map(({ sku, name }) => element("option", { value: sku }, name)),
      );
    } catch (error) {
      this.#products = null;
      setText(byId("suppose-refusal"), `Couldn’t load the products: ${error.message}`);
    }
  }

  #suppose() {
    const moment = this.#moment;
    if (!moment) return;
    const { version, supposed } = moment;
    const quantity = Number(this.#quantity.value);
    const kind = this.#kind.value;
    if (supposed.changes.length >= MAX_CHANGES)
      setText(byId("suppose-refusal"), `A what-if has at most ${MAX_CHANGES} changes.`);
    else if (kind === "code")
      this.#page.change({
        change: "apply_promotion",
        after: version,
        code: this.#code.value.trim(),
      });
    else if (kind === "add")
      this.#page.change({ change: "add_item", after: version, sku: this.#sku.value, quantity });
    else this.#page.change({ change: "set_quantity", version, quantity });
  }
}
