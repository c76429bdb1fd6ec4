/**
 * The commands that the cart refused, between the events that they came between. They are not in
 * the log: the node that refused them keeps them, and only the cart's holder may read them.
 */

import { byId, element, setAttribute } from "../page/element.js";
import { commandLabel } from "../page/event_types.js";
import { count, fullTime } from "../page/format.js";
import { get } from "../service/request.js";
import { stepLink } from "./playback.js";

/**
 * @import { CartHistory } from "./cart_history.js"
 * @import { Moment } from "./moment.js"
 * @import { EventList } from "./event_list.js"
 */

export class Refusals {
  #page;
  #eventList;
  #panel = byId("refused");
  #list = byId("refused-list");
  #shown = "";

  /**
   * @param {CartHistory} page
   * @param {EventList} eventList
   */
  constructor(page, eventList) {
    this.#page = page;
    this.#eventList = eventList;
    // They have no stream: what was refused in another tab is read when this one is looked at.
    document.addEventListener("visibilitychange", () => document.hidden || this.load());
  }

  async load() {
    if (this.#eventList.byOperator) return;
    try {
      /** @type {{ body: Api.CartRefusals }} */
      const { body } = await get(`/api/carts/${this.#eventList.id}/refusals`);
      this.#eventList.refusals = body.refusals;
    } catch {
      // The history is complete without them.
      return;
    }
    this.#page.refresh();
  }

  /** @param {Moment} moment */
  show({ version }) {
    const { refusals } = this.#eventList;
    const key = `${refusals.length} ${refusals.at(-1)?.command_id}`;
    if (key !== this.#shown) {
      this.#shown = key;
      this.#panel.hidden = refusals.length === 0;
      this.#list.replaceChildren(...refusals.map((refused) => this.#row(refused)));
    }
    for (const [at, row] of [...this.#list.children].entries())
      setAttribute(row, "aria-current", refusals[at]?.version === version ? "true" : null);
  }

  /** @param {Api.RefusedCommand} refused */
  #row({ version, command, sku, quantity, type, title, detail, refused_at: time }) {
    const units = sku && quantity !== null ? `${quantity} × ${sku}` : sku;
    const next = version < this.#eventList.head ? ` and before ${version + 1}` : "";
    return element(
      "li",
      {},
      element(
        "p",
        {},
        element("span", { class: "mark" }, "refused"),
        ` ${[commandLabel(command), units].filter(Boolean).join(", ")}: `,
        element("strong", {}, detail),
      ),
      element(
        "p",
        { class: "soft small" },
        "After event ",
        stepLink(this.#page, version),
        `${next}, ${fullTime(time)}. Rule: `,
        element("a", { href: new URL(type, location.href).pathname }, title),
      ),
    );
  }
}

/**
 * What a version refused, in a sentence; empty if nothing.
 * @param {Api.RefusedCommand[]} refused
 */
export function refusedInWords(refused) {
  if (!refused.length) return "";
  const [{ command, detail }] = refused;
  return refused.length === 1
    ? `Then ${commandLabel(command)} was refused: ${detail}`
    : `Then ${count(refused.length, "command")} were refused, the first: ${detail}`;
}
