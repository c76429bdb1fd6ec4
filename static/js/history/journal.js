/**
 * The event log of all carts: the latest events, live, or any page back to the oldest. Filters and
 * page are in the URL, so that they can be shared:
 *
 *   /history?type=ItemAdded&sku=teapot&promotion=TEA10&command=undo&cart=…&order_id=…&from=…&to=…&order=asc&cursor=…
 */

import {
  byId,
  disable,
  element,
  fromTemplate,
  onPress,
  setAttribute,
  setText,
} from "../page/element.js";
import { announce, showStream } from "../page/notices.js";
import { count, fullTime } from "../page/format.js";
import { isSignedOut } from "../page/operator.js";
import { get, isTemporary, Problem } from "../service/request.js";
import { whenBack } from "../service/retry.js";
import { follow, OF_LOG } from "../service/stream.js";
import { kindOf, markOf } from "../page/event_types.js";
import { Choices, FILTERS, idEnd } from "./journal_filters.js";

/**
 * @import { Timer } from "../service/stream.js"
 * @import { Query } from "./journal_filters.js"
 */

const PAGE = 50;
/** How many live events the first page shows before it is loaded again. */
const MAX_ROWS = 250;
/** Events of a burst are shown together. */
const BATCH_MS = 200;
/**
 * So many events within so long are too many to slide in one after another: only their number is
 * shown.
 */
const BUSY_EVENTS = 20;
const BUSY_MS = 2000;
/** Live events are announced at most this often. */
const ANNOUNCE_MS = 3000;

/**
 * The members of a query that have a value.
 * @param {Query} query
 * @returns {Record<string, string>}
 */
const given = (query) =>
  Object.fromEntries(
    Object.entries(query).flatMap(([name, value]) => (value ? [[name, value]] : [])),
  );

export class Journal {
  #list = byId("journal-list");
  #new = byId("journal-new");
  /** @type {Choices} */
  #choices;
  /** @type {Query} */
  #query = {};
  #turn = 0;
  /** The parameters of the rows shown. */
  #shown = "";
  #stop = () => {};
  #cancelRetry = () => {};
  #paused = false;
  /**
   * The first of the live events that are not shown yet; `#waiting` counts all of them.
   * @type {Api.Event[]}
   */
  #held = [];
  #waiting = 0;
  /**
   * When the latest events arrived.
   * @type {number[]}
   */
  #arrivals = [];
  /** @type {Timer} */
  #batching;
  #unannounced = 0;
  /** @type {string | null} */
  #next = null;

  constructor() {
    this.#choices = new Choices((name, value) => this.#filter(name, value));
    onPress("journal-pause", () => {
      this.#showPaused(!this.#paused);
      this.#soon();
    });
    // Held events are shown once the reader has left the list.
    for (const it of [this.#list, this.#new])
      for (const leaves of ["mouseleave", "focusout"])
        it.addEventListener(leaves, () => this.#soon());
    for (const moves of ["selectionchange", "scrollend"])
      document.addEventListener(moves, () => this.#soon());
    /** @param {string} id @param {() => Query} parts */
    const turn = (id, parts) => onPress(id, () => this.#turnTo(parts()));
    turn("journal-new", () => ({ order: null, cursor: null }));
    turn("journal-newest", () => ({ order: null, cursor: null }));
    turn("journal-first", () => ({ order: "asc", cursor: null }));
    turn("journal-next", () => ({ cursor: this.#next }));
    onPress("journal-again", () => this.#read());
    addEventListener("popstate", () => this.#readAddress());
    this.#readAddress();
  }

  /** Whether the page shows the latest events, live. */
  get #live() {
    return !this.#query.cursor && !this.#query.order;
  }

  #readAddress() {
    const address = new URLSearchParams(location.search);
    this.#query = Object.fromEntries(
      [...Object.keys(FILTERS), "order", "cursor"]
        .map((name) => [name, address.get(name)])
        .filter(([, value]) => value),
    );
    this.#read();
  }

  /** @param {Query} query */
  #choose(query) {
    this.#query = given(query);
    const parameters = new URLSearchParams(given(query));
    const address = parameters.size ? `/history?${parameters}` : "/history";
    if (address !== location.pathname + location.search) history.pushState(null, "", address);
    this.#read();
  }

  /**
   * The pressed tag or chip is removed: the focus moves to the new chip, or to another one.
   * @param {string} name
   * @param {string | null} value
   */
  #filter(name, value) {
    const isRemoved = [this.#list, byId("journal-chosen")].some((it) =>
      it.contains(document.activeElement),
    );
    // One stream at a time: a cart or an order.
    /** @type {Query} */
    const stream = name === "cart" || name === "order_id" ? { cart: null, order_id: null } : {};
    this.#choose({ ...this.#query, ...stream, [name]: value, cursor: null });
    if (isRemoved) (this.#choices.chip(value ? name : null) ?? byId("journal-title")).focus();
  }

  /**
   * Shows another page from its top.
   * @param {Query} parts
   */
  #turnTo(parts) {
    this.#choose({ ...this.#query, ...parts });
    byId("journal-title").focus({ preventScroll: true });
    byId("journal").scrollIntoView();
  }

  async #read() {
    this.#turn += 1;
    const turn = this.#turn;
    this.#stop();
    this.#cancelRetry();
    this.#showPaused(false);
    this.#hold(0);
    this.#choices.show(this.#query);
    byId("journal-failed").hidden = true;
    this.#list.setAttribute("aria-busy", "true");
    const { cart, order_id, ...rest } = this.#query;
    const parameters = new URLSearchParams(
      given({ order: "desc", ...rest, cart_id: cart ?? order_id ?? null, limit: String(PAGE) }),
    );
    try {
      const { body, headers } = await get(`/api/events?${parameters}`);
      if (turn !== this.#turn) return;
      this.#shown = String(parameters);
      this.#show(body);
      this.#follow(Number(headers.get("Log-Position")));
    } catch (error) {
      if (turn !== this.#turn) return;
      // A cursor is valid for one query only; for another one it is stale.
      if (error instanceof Problem && error.status === 400 && this.#query.cursor)
        return this.#choose({ ...this.#query, cursor: null });
      this.#fail(error, String(parameters));
    } finally {
      if (turn === this.#turn) this.#list.setAttribute("aria-busy", "false");
    }
  }

  /**
   * @param {Error} error
   * @param {string} parameters
   */
  #fail(error, parameters) {
    if (isSignedOut(error)) return location.reload();
    // Rows of another query must not stand below these filters.
    if (this.#shown !== parameters) this.#list.replaceChildren();
    byId("journal-none").hidden = true;
    byId("journal").hidden = byId("journal-failed").hidden = false;
    setText(byId("journal-failed-words"), error.message);
    if (isTemporary(error)) this.#cancelRetry = whenBack(() => this.#read());
  }

  /** @param {Api.EventPage} page */
  #show({ items, next }) {
    const ascending = this.#query.order === "asc";
    this.#next = next;
    this.#list.replaceChildren(...items.map((event) => this.#row(event)));
    byId("journal").hidden = false;
    this.#choices.reveal();
    byId("journal-none").hidden = items.length > 0;
    const filtered = Object.keys(FILTERS).some((name) => this.#query[name]);
    setText(
      byId("journal-none"),
      filtered ? "No matching events. Remove a filter." : "No events yet.",
    );
    disable("journal-newest", this.#live);
    disable("journal-first", ascending && !this.#query.cursor);
    disable("journal-next", !next);
    setText(byId("journal-next"), ascending ? "Later events" : "Earlier events");
    const end = next ? "" : ascending ? " End of the log." : " Start of the log.";
    setText(
      byId("journal-words"),
      `${ascending ? "Oldest first." : "Newest first."}${items.length && !filtered ? end : ""}`,
    );
    byId("journal-pause").hidden = !this.#live;
  }

  /** @param {Api.Event} event */
  #row(event) {
    const { position, cart_id, order_id, version, type, recorded_at, sentence, data, meta } = event;
    /** @param {string} name @param {string} value @param {string} words @param {string} what */
    const chip = (name, value, words, what) =>
      element(
        "button",
        {
          class: "tag",
          type: "button",
          "aria-label": `Only ${what} ${words}`,
          title: `Only ${what} ${words}`,
          testid: `only-${name}-${position}`,
          on: { click: () => this.#filter(name, value) },
        },
        words,
      );
    const { root, parts } = fromTemplate("entry");
    root.dataset.testid = `journal-${position}`;
    parts.mark.classList.add(`kind-${kindOf(event)}`);
    setText(parts.mark, markOf(event));
    parts.sentence.href = order_id
      ? `/orders/${order_id}#event-${version}`
      : `/history/${cart_id}?v=${version}`;
    setText(parts.sentence, sentence);
    parts.tags.append(
      chip("type", type, type, "events of type"),
      data.sku ? chip("sku", data.sku, data.sku, "events of product") : "",
      chip("command", meta.command, meta.command, "events of command"),
      order_id
        ? chip("order_id", order_id, idEnd(order_id), "events of order")
        : chip("cart", cart_id, idEnd(cart_id), "events of cart"),
    );
    setText(parts.when, `#${position.toLocaleString("en")} · ${fullTime(recorded_at)}`);
    return root;
  }

  /** @param {number} position */
  #follow(position) {
    this.#stop = follow(OF_LOG, position, {
      event: (event) => {
        if (!this.#choices.fits(event)) return;
        if (this.#held.length < MAX_ROWS) this.#held.push(event);
        this.#waiting += 1;
        this.#arrivals.push(performance.now());
        if (this.#arrivals.length > BUSY_EVENTS) this.#arrivals.shift();
        this.#soon();
      },
      state: (state) => (state.signedOut ? location.reload() : showStream(state)),
      restart: () => this.#read(),
    });
  }

  #soon() {
    if (this.#waiting) this.#batching ||= setTimeout(() => this.#showHeld(), BATCH_MS);
  }

  /**
   * Whether the reader has scrolled, pointed, focused or selected where new rows would move things.
   */
  get #isRead() {
    const bottom = document.querySelector(".header")?.getBoundingClientRect().bottom ?? 0;
    const selection = getSelection();
    return (
      this.#list.getBoundingClientRect().top < bottom ||
      [this.#list, this.#new].some((it) => it.matches(":hover, :focus-within")) ||
      (selection !== null && !selection.isCollapsed && selection.containsNode(this.#list, true))
    );
  }

  /** How long the log must be quiet until the held events can be shown. */
  get #busyFor() {
    const first = this.#arrivals.length < BUSY_EVENTS ? -Infinity : this.#arrivals[0];
    return first + BUSY_MS - performance.now();
  }

  /** Shows the held events, or only their number where they would move what is being read. */
  #showHeld() {
    this.#batching = undefined;
    const number = this.#waiting;
    if (!number) return;
    if (!this.#live || this.#paused || this.#isRead) return this.#hold(number);
    if (this.#busyFor > 0) {
      this.#hold(number);
      this.#batching = setTimeout(() => this.#showHeld(), this.#busyFor + BATCH_MS);
      return;
    }
    // A full page is loaded again, so that the next page continues where it ends.
    if (this.#list.childElementCount + number > MAX_ROWS) return this.#read();
    const rows = this.#held.map((event) => this.#row(event)).reverse();
    this.#hold(0);
    this.#slideIn(rows);
    byId("journal-none").hidden = true;
    if (!this.#unannounced)
      setTimeout(() => {
        announce(count(this.#unannounced, "new event"));
        this.#unannounced = 0;
      }, ANNOUNCE_MS);
    this.#unannounced += number;
  }

  /**
   * Inserts rows at the top and animates the others to their new place.
   * @param {HTMLElement[]} rows
   */
  #slideIn(rows) {
    /** @param {Element | null} it */
    const topOf = (it) => it?.getBoundingClientRect().top ?? 0;
    const pages = /** @type {Element} */ (document.querySelector(".journal-pages"));
    const slides = [
      { it: this.#list, mark: this.#list.firstElementChild },
      { it: pages, mark: pages },
    ].map(({ it, mark }) => ({ it, mark, from: topOf(mark) }));
    this.#list.prepend(...rows);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (const { it, mark, from } of slides) {
      const by = topOf(mark) - from;
      // Rows that have not slid in yet are clipped: they would cover what is above.
      const cut = mark === it ? 0 : by;
      if (by)
        it.animate(
          [
            { transform: `translateY(${-by}px)`, clipPath: `inset(${cut}px 0 0)` },
            { transform: "none", clipPath: "inset(0)" },
          ],
          still ? { duration: 20, easing: "step-end" } : 250,
        );
    }
  }

  /** @param {boolean} paused */
  #showPaused(paused) {
    this.#paused = paused;
    setAttribute(byId("journal-pause"), "aria-pressed", String(paused));
    setText(byId("journal-pause"), paused ? "Resume" : "Pause");
  }

  /**
   * Shows how many events wait, and announces the first; 0 drops them.
   * @param {number} number
   */
  #hold(number) {
    if (number && this.#new.hidden) announce("New events available");
    if (!number) this.#held = [];
    this.#waiting = number;
    this.#new.hidden = !number;
    setText(this.#new, count(number, "new event"));
  }
}
