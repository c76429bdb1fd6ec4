/**
 * Event sourcing, event streaming and event-driven architecture, side by side on the same events of
 * the running service: a fold, a feed, and others that react.
 */

import { byId, element, setText } from "../page/element.js";
import { kindOf, markOf } from "../page/event_types.js";
import { count, timeOfDay } from "../page/format.js";
import { showStream } from "../page/notices.js";
import { isAdmitted } from "../page/operator.js";
import { ownCarts } from "../service/own_carts.js";
import { get, isTemporary } from "../service/request.js";
import { whenBack } from "../service/retry.js";
import { follow, OF_LOG, ofCart } from "../service/stream.js";
import { Loading } from "./loading.js";

/** How many events are shown, and folded. */
const SHOWN = 20;

/**
 * What a cart is after an event, of the types that end it.
 * @type {Record<string, string>}
 */
const ENDS = { CartCheckedOut: "ordered", CartExpired: "expired" };

/**
 * What other services of a shop would do, by the type of the event.
 * @type {Record<string, (event: Api.Event) => [string, string]>}
 */
const REACTIONS = {
  ItemAdded: ({ data }) => ["Stock", `sets ${data.quantity} × ${data.name} aside`],
  ItemRemoved: ({ data }) => ["Stock", `puts ${data.quantity} × ${data.name} back`],
  PromotionApplied: ({ data }) => ["Marketing", `counts a use of ${data.code}`],
  CartCheckedOut: ({ data }) => ["Warehouse", `packs order …${data.order_id.slice(-8)}`],
  CartExpired: ({ cart_id }) => ["Mailer", `asks about cart …${cart_id.slice(-8)}`],
};

export class ThreeTerms {
  /** @type {Api.Event[]} The latest events, oldest first. */
  #events = [];
  #loading = new Loading();

  constructor() {
    this.load();
  }

  /** Follows the whole log, or the newest cart of this browser where the log is the operator's. */
  async load() {
    const isNewest = this.#loading.begin();
    try {
      const isOperator = await isAdmitted();
      const [cart] = ownCarts();
      if (!isNewest()) return;
      if (!isOperator && !cart) {
        const way = "Open an example cart above to see its events here.";
        return this.#say(`The whole stream is for the shop’s operator. ${way}`);
      }
      const path = isOperator ? OF_LOG : ofCart(cart);
      /** @type {{ body: Api.EventPage, headers: Headers }} */
      const { body, headers } = await get(`${path}?order=desc&limit=${SHOWN}`);
      if (!isNewest()) return;
      this.#events = body.items.toReversed();
      this.#say(isOperator ? "All carts of this service, live." : `Cart …${cart.slice(-8)}, live.`);
      this.#show();
      const version = this.#events.at(-1)?.version ?? 0;
      const stop = follow(path, isOperator ? Number(headers.get("Log-Position")) : version, {
        event: (event) => this.#append(event),
        state: (state) => (state.signedOut ? void this.load() : showStream(state)),
        restart: () => void this.load(),
      });
      this.#loading.untilNext(stop);
    } catch (error) {
      if (!isNewest()) return;
      this.#say(error.message);
      if (isTemporary(error)) this.#loading.untilNext(whenBack(() => this.load()));
    }
  }

  /** @param {string} words */
  #say(words) {
    setText(byId("terms-words"), words);
  }

  /** @param {Api.Event} event */
  #append(event) {
    this.#events = [...this.#events, event].slice(-SHOWN);
    this.#show();
  }

  #show() {
    const newest = this.#events.toReversed();
    const nothing = "Nothing yet. Add something to a cart in the shop.";
    /** @param {string} id @param {HTMLElement[]} items */
    const fill = (id, items) => {
      const none = element("li", { class: "soft" }, nothing);
      byId(id).replaceChildren(...(items.length ? items : [none]));
    };
    /** @param {string} words */
    const soft = (words) => element("span", { class: "soft" }, words);
    /** @param {Api.Event} event */
    const place = ({ position }) => `#${position.toLocaleString("en")}`;
    fill(
      "sourcing",
      carts(newest).map(({ cart_id, version, type }) =>
        element(
          "li",
          {},
          element("span", {}, `Cart …${cart_id.slice(-8)}`),
          soft(`${count(version, "event")}, ${ENDS[type] ?? "open"}`),
        ),
      ),
    );
    fill(
      "streaming",
      newest.map((event) =>
        element(
          "li",
          { testid: `stream-${event.position}` },
          element("span", { class: `entry-mark kind-${kindOf(event)}` }, markOf(event)),
          element("span", {}, event.sentence),
          soft(`${place(event)} · ${timeOfDay(event.recorded_at)}`),
        ),
      ),
    );
    fill(
      "driven",
      newest.flatMap((event) => {
        const [who, does = ""] = REACTIONS[event.type]?.(event) ?? [];
        if (!who) return [];
        const words = [element("strong", {}, who), element("span", {}, does)];
        return element("li", {}, ...words, soft(`on ${place(event)}`));
      }),
    );
  }
}

/**
 * The newest event of each cart: a cart's version and status are folds of its events.
 * @param {Api.Event[]} newest The newest first.
 */
function carts(newest) {
  /** @type {Map<string, Api.Event>} */
  const latest = new Map();
  // An order's event has the version of the order.
  for (const event of newest)
    if (!event.order_id && !latest.has(event.cart_id)) latest.set(event.cart_id, event);
  return [...latest.values()];
}
