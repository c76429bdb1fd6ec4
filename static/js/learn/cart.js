/** The cart: the rows that a state-based service would keep, beside the events of a real cart. */

import { Fold, visibleLines } from "../history/fold.js";
import { byId, disable, element, onPress, setAttribute, setText } from "../page/element.js";
import { STATUS } from "../page/event_types.js";
import { amount, money, timeOfDay } from "../page/format.js";
import { announce, showStream } from "../page/notices.js";
import { forgetCart, ownCarts } from "../service/own_carts.js";
import { get, isTemporary, Problem } from "../service/request.js";
import { whenBack } from "../service/retry.js";
import { follow, ofCart } from "../service/stream.js";
import { factsOf, visibleVersions } from "./cart_traces.js";
import { openExampleCart } from "./example_cart.js";
import { showForgotten } from "./forgotten.js";
import { Loading } from "./loading.js";
import { Stepper } from "./stepper.js";

/** How many events of a cart are shown here; its history has all of them. */
const MOST = 1000;
const PAGE = 200;

export class CartExample {
  /** @type {Api.Event[]} */
  #events = [];
  #fold = new Fold(this.#events);
  #stepper;
  #loading = new Loading();
  #opened;

  /** @param {() => void} opened Is called when the page has opened a cart. */
  constructor(opened) {
    this.#opened = opened;
    this.#stepper = new Stepper("cart-steps", {
      show: (version) => this.#show(version),
      name: (version) => this.#name(version),
    });
    onPress("cart-open", () => this.#openExample());
    byId("cart-again").addEventListener("click", () => this.load());
    this.load();
  }

  /** Shows the newest cart of this browser that the service still has. */
  async load() {
    const isNewest = this.#loading.begin();
    byId("cart-failed").hidden = true;
    byId("cart-place").classList.toggle("filled", ownCarts().length > 0);
    try {
      for (const id of ownCarts()) {
        const events = await eventsOf(id);
        if (!isNewest()) return;
        if (events) return this.#showCart(id, events);
      }
      byId("cart-none").hidden = false;
    } catch (error) {
      if (!isNewest()) return;
      byId("cart-failed").hidden = false;
      byId("cart-none").hidden = byId("cart-example").hidden = true;
      setText(byId("cart-failed-words"), error.message);
      if (isTemporary(error)) this.#loading.untilNext(whenBack(() => this.load()));
    } finally {
      if (isNewest()) byId("cart-waiting").hidden = true;
    }
  }

  /**
   * @param {string} id
   * @param {Api.Event[]} events
   */
  #showCart(id, events) {
    this.#events = events;
    this.#fold = new Fold(events);
    const isPressed = byId("cart-none").contains(document.activeElement);
    byId("cart-none").hidden = true;
    byId("cart-example").hidden = false;
    // The button that had the focus is gone.
    if (isPressed) byId("cart-id").focus();
    byId("cart-history").href = `/history/${id}`;
    setText(byId("cart-id"), `Cart …${id.slice(-8)}`);
    byId("cart-events").replaceChildren(...events.map((event) => this.#item(event)));
    this.#toEnd();
    if (events.length >= MOST) return;
    const stop = follow(ofCart(id), events.length, {
      event: (event) => this.#append(event),
      state: showStream,
      restart: () => this.load(),
    });
    this.#loading.untilNext(stop);
  }

  /** @param {Api.Event} event */
  #append(event) {
    const isAtEnd = this.#stepper.place === this.#stepper.end;
    this.#events.push(event);
    byId("cart-events").append(this.#item(event));
    if (isAtEnd) this.#toEnd();
    else this.#stepper.setEnd(this.#events.length);
    announce(`New event: ${event.sentence}`);
  }

  #toEnd() {
    this.#stepper.setEnd(this.#events.length);
    this.#stepper.goTo(this.#events.length);
  }

  /** @param {Api.Event} event */
  #item({ version, sentence }) {
    const step = element(
      "button",
      {
        class: "step-link",
        type: "button",
        "aria-label": `Version ${version}`,
        testid: `cart-event-${version}`,
        on: { click: () => this.#stepper.goTo(version) },
      },
      `#${version}`,
    );
    const mark = element("span", { class: "mark" });
    return element("li", {}, step, element("span", {}, sentence), mark);
  }

  /** @param {number} version */
  #name(version) {
    if (!version) return "Before the first event";
    return `Version ${version}: ${this.#events[version - 1].sentence}`;
  }

  /** @param {number} version */
  #show(version) {
    const state = this.#fold.at(version);
    const visible = visibleVersions(this.#events, state);
    const { currency } = state;
    const rows = visibleLines(state).map(({ sku, quantity, total }) => {
      const last = this.#events.slice(0, version).findLast((event) => event.data.sku === sku);
      return element(
        "tr",
        { class: last?.version === version ? "written" : "" },
        element("th", { scope: "row" }, sku),
        element("td", {}, String(quantity)),
        element("td", {}, amount(total, currency)),
        element("td", {}, last ? timeOfDay(last.recorded_at) : ""),
      );
    });
    const none = element("tr", {}, element("td", { colSpan: 4, class: "soft" }, "no rows"));
    byId("cart-rows").replaceChildren(...(rows.length ? rows : [none]));
    const promotion = `promotion ${state.promotion?.code ?? "none"}`;
    const total = `total ${money(state.total, currency)}`;
    setText(byId("cart-row"), `cart: ${STATUS[state.status]}, ${promotion}, ${total}`);
    [...byId("cart-events").children].forEach((item, index) => {
      const at = index + 1;
      item.className = at > version ? "future" : visible.has(at) ? "in-row" : "lost";
      setAttribute(item.children[0], "aria-current", at === version ? "step" : null);
      const trace = visible.has(at) ? "visible" : "only in the log";
      setText(item.children[2], at > version ? "not yet" : trace);
    });
    const facts = factsOf(this.#events, state);
    showForgotten("cart-forgotten", version, visible.size, "event", facts);
  }

  async #openExample() {
    disable("cart-open", true);
    setText(byId("cart-refusal"), "");
    try {
      await openExampleCart(() => this.load());
    } catch (error) {
      setText(byId("cart-refusal"), error.message);
    } finally {
      disable("cart-open", false);
      this.#opened();
    }
  }
}

/**
 * The events of a cart, oldest first; `null` if the service has no such cart for this browser.
 * @param {string} id
 * @returns {Promise<Api.Event[] | null>}
 */
async function eventsOf(id) {
  /** @type {Api.Event[]} */
  const events = [];
  let cursor = "";
  try {
    do {
      const parameters = new URLSearchParams({ order: "asc", limit: String(PAGE) });
      if (cursor) parameters.set("cursor", cursor);
      /** @type {{ body: Api.EventPage }} */
      const { body } = await get(`/api/carts/${id}/events?${parameters}`);
      events.push(...body.items);
      cursor = body.next ?? "";
    } while (cursor && events.length < MOST);
  } catch (error) {
    if (!(error instanceof Problem && error.status === 404)) throw error;
    forgetCart(id);
    return null;
  }
  return events;
}
