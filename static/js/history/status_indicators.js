/**
 * Four checks of what is shown: the service's view equals this page's fold of the log, the view has
 * no lag, the hash chain is intact, and the log extends what this browser saw of it before.
 */

import { byId } from "../page/element.js";
import { showIndicator } from "../page/notices.js";
import { get, isTemporary } from "../service/request.js";
import { whenBack } from "../service/retry.js";
import { documentOf } from "./fold.js";
import { checkSeen } from "./proof_memory.js";

/**
 * @import { CartHistory } from "./cart_history.js"
 * @import { EventList } from "./event_list.js"
 */

export class StatusIndicators {
  #eventList;
  #page;

  /**
   * @param {CartHistory} page
   * @param {EventList} eventList
   */
  constructor(page, eventList) {
    this.#page = page;
    this.#eventList = eventList;
  }

  #cancelRetry = () => {};

  /** @param {Error} error */
  #checkLater(error) {
    if (isTemporary(error)) this.#cancelRetry = whenBack(() => this.check());
  }

  /** Whether the log still has what this browser saw of it; once a visit. */
  async checkSeen() {
    const { state, words } = await checkSeen();
    this.#set("seen", state, words);
    if (state === "waiting") whenBack(() => this.checkSeen());
  }

  async check() {
    this.#cancelRetry();
    const { id, head } = this.#eventList;
    const broken = this.#eventList.firstBrokenLink();
    if (broken) this.#set("chain", "bad", `Hash chain broken at event ${broken}`);
    else this.#set("chain", "good", "Hash chain intact");
    if (this.#eventList.byOperator) return this.#checkByOperator();
    const asked = performance.now();
    try {
      const { body } = await get(`/api/carts/${id}?min_version=${head}`, {
        headers: { Prefer: "wait=2" },
      });
      const took = performance.now() - asked;
      if (this.#eventList.head < body.version) await this.#eventList.catchUp();
      this.#compare(body);
      this.#set("lag", "good", "View up to date");
      return took;
    } catch (error) {
      const isBehind = error.slug === "view-behind";
      this.#set(
        "lag",
        isBehind ? "bad" : "waiting",
        isBehind ? "View is behind the log" : "Couldn’t check the view",
      );
      this.#checkLater(error);
      return null;
    }
  }

  /** The operator cannot read the cart: compares the view's position with the last event's. */
  async #checkByOperator() {
    this.#set("fold", "none", "View not compared: verify it on the Operations page");
    try {
      const asked = performance.now();
      /** @type {{ body: Api.Views }} */
      const { body } = await get("/api/views");
      const position = body.items.find((view) => view.name === "carts")?.position ?? 0;
      const { position: newest } = this.#eventList.event(this.#eventList.head);
      this.#set(
        "lag",
        position < newest ? "waiting" : "good",
        position < newest ? "View is behind the log" : "View up to date",
      );
      return position < newest ? null : performance.now() - asked;
    } catch (error) {
      this.#set("lag", "waiting", "Couldn’t check the view");
      this.#checkLater(error);
      return null;
    }
  }

  /**
   * Measures the view delay of a live event, once for a burst.
   * @param {Api.Event} event
   * @param {number} arrivedAt
   */
  async arrived(event, arrivedAt) {
    const at = this.#eventList.head;
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (at !== this.#eventList.head) return;
    if ((await this.check()) === null) return;
    const delay = performance.now() - arrivedAt;
    for (const version of this.#eventList.siblings(event))
      this.#eventList.event(version).view_delay_ms = delay;
    if (this.#eventList.head === at)
      this.#set(
        "lag",
        "good",
        `View updated with event ${at.toLocaleString("en")} in ` +
          `${Math.max(Math.round(delay), 1)} ms`,
      );
    this.#page.refresh();
  }

  /** @param {Api.Cart} document */
  #compare(document) {
    const folded = documentOf(this.#eventList.id, this.#eventList.fold.at(document.version));
    const differing = differingFields(folded, document);
    if (differing.length)
      this.#set("fold", "bad", `View differs from its events in: ${differing.join(", ")}`);
    else this.#set("fold", "good", "View matches events");
  }

  /**
   * @param {"fold" | "lag" | "chain" | "seen"} name
   * @param {"good" | "waiting" | "bad" | "none"} state
   * @param {string} words
   */
  #set(name, state, words) {
    showIndicator(byId(`indicator-${name}`), state, words);
  }
}

/**
 * @param {Record<string, unknown>} folded
 * @param {Record<string, unknown>} document
 */
function differingFields(folded, document) {
  const names = new Set([...Object.keys(folded), ...Object.keys(document)]);
  return [...names].filter(
    (name) => sorted(folded[name] ?? null) !== sorted(document[name] ?? null),
  );
}

/**
 * JSON with its keys in order, so that two spellings of one value are equal.
 * @param {unknown} value
 */
const sorted = (value) =>
  JSON.stringify(value, (_, it) =>
    it && typeof it === "object" && !Array.isArray(it)
      ? Object.fromEntries(Object.entries(it).sort(([a], [b]) => (a < b ? -1 : 1)))
      : it,
  );
