/**
 * The journal of the whole log: the newest events, live, or any page back to the first. What is
 * asked is in the address, so that it can be sent:
 *
 *   /history?type=ItemAdded&sku=teapot&command=undo&cart=…&from=…&to=…&order=asc&cursor=…
 */

import { byId, disable, element, fromTemplate, onPress, setAttribute, setText } from "../page/element.js";
import { announce, connectionBack, connectionLost } from "../page/notices.js";
import { count, fullTime } from "../page/format.js";
import { get, Problem } from "../service/request.js";
import { follow, OF_LOG } from "../service/stream.js";
import { COMMAND_NAMES, commandLabel, kindOf, markOf, TYPES } from "../page/event_types.js";

const PAGE = 50;
/** How many events the newest page takes in before it asks to be read anew. */
const MOST = 250;
/** Events that come in a burst are shown together. */
const GATHER_MS = 200;
/** Whoever hears the page is told of what comes at most this often. */
const ANNOUNCE_MS = 3000;

/** The filters and what each is called on its chip. A product's name may come late: it moves none that follows. */
const FILTERS = { type: "Type", cart: "Cart", from: "From", to: "To", command: "Command", sku: "Product" };

export class Journal {
  #list = byId("journal-list");
  #new = byId("journal-new");
  #choices;
  #asked = {};
  #turn = 0;
  #stop = () => {};
  #paused = false;
  /** Events that came and are not shown, the first ones of them, and how many they are in all. */
  #held = [];
  #waiting = 0;
  #gathering = 0;
  #unannounced = 0;
  #next = null;

  constructor() {
    this.#choices = new Choices((name, value) => this.#filter(name, value));
    onPress("journal-pause", () => {
      this.#showPaused(!this.#paused);
      this.#soon();
    });
    // What was held is shown once nobody reads where it would come.
    for (const it of [this.#list, this.#new]) for (const leaves of ["mouseleave", "focusout"]) it.addEventListener(leaves, () => this.#soon());
    for (const moves of ["selectionchange", "scrollend"]) document.addEventListener(moves, () => this.#soon());
    const turn = (id, parts) => onPress(id, () => this.#turnTo(parts()));
    turn("journal-new", () => ({ order: null, cursor: null }));
    turn("journal-newest", () => ({ order: null, cursor: null }));
    turn("journal-first", () => ({ order: "asc", cursor: null }));
    turn("journal-next", () => ({ cursor: this.#next }));
    onPress("journal-again", () => this.#read());
    addEventListener("popstate", () => this.#readAddress());
    this.#readAddress();
  }

  /** Whether the page is at the newest event, where what comes is shown. */
  get #live() {
    return !this.#asked.cursor && !this.#asked.order;
  }

  #readAddress() {
    const address = new URLSearchParams(location.search);
    this.#asked = Object.fromEntries([...Object.keys(FILTERS), "order", "cursor"].map((name) => [name, address.get(name)]).filter(([, value]) => value));
    this.#read();
  }

  #choose(asked) {
    this.#asked = Object.fromEntries(Object.entries(asked).filter(([, value]) => value));
    const query = new URLSearchParams(this.#asked);
    const address = query.size ? `/history?${query}` : "/history";
    if (address !== location.pathname + location.search) history.pushState(null, "", address);
    this.#read();
  }

  /** The row or the chip that was pressed goes: the focus is on the chip that came, or on another one. */
  #filter(name, value) {
    const goes = [this.#list, byId("journal-chosen")].some((it) => it.contains(document.activeElement));
    this.#choose({ ...this.#asked, [name]: value, cursor: null });
    if (goes) (this.#choices.chip(value && name) ?? byId("journal-title")).focus();
  }

  /** Another page is read from its top. */
  #turnTo(parts) {
    this.#choose({ ...this.#asked, ...parts });
    byId("journal-title").focus({ preventScroll: true });
    byId("journal").scrollIntoView();
  }

  async #read() {
    this.#turn += 1;
    const turn = this.#turn;
    this.#stop();
    this.#showPaused(false);
    this.#hold(0);
    this.#choices.show(this.#asked);
    byId("journal-failed").hidden = true;
    this.#list.setAttribute("aria-busy", "true");
    const { cart, order = "desc", ...rest } = this.#asked;
    const question = new URLSearchParams({ ...rest, ...(cart && { cart_id: cart }), order, limit: PAGE });
    try {
      const { body, headers } = await get(`/api/events?${question}`);
      if (turn !== this.#turn) return;
      this.#show(body);
      this.#follow(Number(headers.get("Log-Position")));
    } catch (error) {
      if (turn !== this.#turn) return;
      // A cursor is made for one question; beside another one it is stale.
      if (error instanceof Problem && error.status === 400 && this.#asked.cursor) return this.#choose({ ...this.#asked, cursor: null });
      byId("journal-failed").hidden = false;
      setText(byId("journal-failed-words"), error.message);
    } finally {
      if (turn === this.#turn) this.#list.setAttribute("aria-busy", "false");
    }
  }

  #show({ items, next }) {
    const ascending = this.#asked.order === "asc";
    this.#next = next;
    this.#list.replaceChildren(...items.map((event) => this.#row(event)));
    byId("journal").hidden = false;
    this.#choices.reveal();
    byId("journal-none").hidden = items.length > 0;
    const filtered = Object.keys(FILTERS).some((name) => this.#asked[name]);
    setText(byId("journal-none"), filtered ? "No matching events. Remove a filter." : "No events yet.");
    disable("journal-newest", this.#live);
    disable("journal-first", ascending && !this.#asked.cursor);
    disable("journal-next", !next);
    setText(byId("journal-next"), ascending ? "Later events" : "Earlier events");
    const end = next ? "" : ascending ? " End of the log." : " Start of the log.";
    setText(byId("journal-words"), `${ascending ? "Oldest first." : "Newest first."}${items.length && !filtered ? end : ""}`);
    byId("journal-pause").hidden = !this.#live;
  }

  #row(event) {
    const { position, cart_id, version, type, recorded_at, sentence, data, meta } = event;
    const chip = (name, value, words, what) => element("button", { class: "tag", type: "button", "aria-label": `Only ${what} ${words}`, title: `Only ${what} ${words}`, testid: `only-${name}-${position}`, on: { click: () => this.#filter(name, value) } }, words);
    const { root, parts } = fromTemplate("entry");
    root.dataset.testid = `journal-${position}`;
    parts.mark.classList.add(`kind-${kindOf(event)}`);
    setText(parts.mark, markOf(event));
    parts.sentence.href = `/history/${cart_id}?v=${version}`;
    setText(parts.sentence, sentence);
    parts.tags.append(chip("type", type, type, "events of type"), data.sku ? chip("sku", data.sku, data.sku, "events of product") : "", chip("command", meta.command, meta.command, "events of command"), chip("cart", cart_id, `…${cart_id.slice(-8)}`, "events of cart"));
    setText(parts.when, `#${position.toLocaleString("en")} · ${fullTime(recorded_at)}`);
    return root;
  }

  #follow(position) {
    this.#stop = follow(
      OF_LOG,
      position,
      (event) => {
        if (!this.#choices.fits(event)) return;
        if (this.#held.length < MOST) this.#held.push(event);
        this.#waiting += 1;
        this.#soon();
      },
      (connected) => (connected ? connectionBack() : connectionLost("Connection lost. Reconnecting…", () => this.#read())),
    );
  }

  #soon() {
    if (this.#waiting) this.#gathering ||= setTimeout(() => this.#gather(), GATHER_MS);
  }

  /** Whether somebody reads, points at or has marked what new rows would move. */
  get #isRead() {
    const { bottom } = document.querySelector(".header").getBoundingClientRect();
    const marked = getSelection();
    return this.#list.getBoundingClientRect().top < bottom || [this.#list, this.#new].some((it) => it.matches(":hover, :focus-within")) || (!marked.isCollapsed && marked.containsNode(this.#list, true));
  }

  /** Shows what has arrived, or only says how much where it would move what somebody reads. */
  #gather() {
    this.#gathering = 0;
    const number = this.#waiting;
    if (!number) return;
    if (!this.#live || this.#paused || this.#isRead) return this.#hold(number);
    // No row falls off the end: the next page goes on from where this one was read to.
    if (this.#list.childElementCount + number > MOST) return this.#read();
    const rows = this.#held.map((event) => this.#row(event)).reverse();
    this.#hold(0);
    this.#slideIn(rows);
    byId("journal-none").hidden = true;
    if (!this.#unannounced) setTimeout(() => {
      announce(count(this.#unannounced, "new event"));
      this.#unannounced = 0;
    }, ANNOUNCE_MS);
    this.#unannounced += number;
  }

  /** What is there glides to its new place from where it was seen: it never jumps. */
  #slideIn(rows) {
    const topOf = (it) => it?.getBoundingClientRect().top;
    const pages = document.querySelector(".journal-pages");
    const slides = [[this.#list, this.#list.firstElementChild], [pages, pages]].map(([it, mark]) => ({ it, mark, from: topOf(mark) }));
    this.#list.prepend(...rows);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (const { it, mark, from } of slides) {
      const by = topOf(mark) - from;
      // Rows that have not slid in yet are cut off, or they would lie over what is above.
      const cut = mark === it ? 0 : by;
      if (by) it.animate([{ transform: `translateY(${-by}px)`, clipPath: `inset(${cut}px 0 0)` }, { transform: "none", clipPath: "inset(0)" }], still ? { duration: 20, easing: "step-end" } : 250);
    }
  }

  #showPaused(paused) {
    this.#paused = paused;
    setAttribute(byId("journal-pause"), "aria-pressed", String(paused));
    setText(byId("journal-pause"), paused ? "Resume" : "Pause");
  }

  /** Says that so many events wait, aloud only when they begin to; with 0 none does. */
  #hold(number) {
    if (number && this.#new.hidden) announce("New events available");
    if (!number) this.#held = [];
    this.#waiting = number;
    this.#new.hidden = !number;
    setText(this.#new, count(number, "new event"));
  }
}

/** What the journal is filtered by: a chip for each type, one that can be taken off for all else, and two lists to choose from. */
class Choices {
  #choose;
  #asked = {};
  #names = new Map();

  /** `choose(name, value)` asks for another question; a `null` value takes the filter off. */
  constructor(choose) {
    this.#choose = choose;
    const chip = (name, value) => element("button", { class: "chip", type: "button", value, testid: `type-${value || "all"}`, on: { click: () => choose("type", value || null) } }, name);
    byId("journal-types").replaceChildren(chip("All", ""), ...Object.entries(TYPES).map(([type, name]) => chip(name, type)));
    for (const name of ["sku", "command"])
      byId(`journal-${name}`).addEventListener("change", ({ target }) => {
        choose(name, target.value);
        target.value = "";
      });
    this.#offer("command", COMMAND_NAMES.map((name) => [name, commandLabel(name)]));
    this.#readProducts();
  }

  #offer(name, choices) {
    byId(`journal-${name}`).append(...choices.map(([value, words]) => element("option", { value }, words)));
  }

  async #readProducts() {
    try {
      const { body } = await get("/api/products?limit=200");
      this.#names = new Map(body.items.map(({ sku, name }) => [sku, name]));
      this.#offer("sku", [...this.#names]);
      const chip = this.chip("sku");
      if (chip) setText(chip.firstElementChild, this.#words("sku"));
    } catch {
      // The products of the rows can still be chosen.
    }
  }

  #words(name) {
    const value = this.#asked[name];
    const write = { cart: () => `…${value.slice(-8)}`, from: () => fullTime(value), to: () => fullTime(value), command: () => commandLabel(value), sku: () => this.#names.get(value) ?? value }[name];
    return `${FILTERS[name]}: ${write()}`;
  }

  /** The chip that takes the filter off; of any filter, where there is no such one. */
  chip(name) {
    return byId("journal-chosen").querySelector(name ? `[value="${name}"]` : "button");
  }

  show(asked) {
    this.#asked = asked;
    for (const chip of byId("journal-types").children) chip.setAttribute("aria-pressed", String(chip.value === (asked.type ?? "")));
    const chips = Object.keys(FILTERS).filter((name) => name !== "type" && asked[name]);
    const chosen = byId("journal-chosen");
    chosen.hidden = !chips.length;
    chosen.replaceChildren(...chips.map((value) => element("button", { class: "chip", type: "button", value, testid: `without-${value}`, on: { click: () => this.#choose(value, null) } }, element("span", {}, this.#words(value)), element("span", { "aria-hidden": "true" }, " ×"), element("span", { class: "unseen" }, ", remove this filter"))));
    if (asked.cart) chosen.prepend(element("a", { class: "button small", href: `/history/${encodeURIComponent(asked.cart)}`, testid: "journal-open-cart" }, "Open this cart’s history"));
  }

  /** Brings the type that is asked for into sight: on a narrow page the types are more than fit. */
  reveal() {
    const types = byId("journal-types");
    // A type that nobody knows has no chip.
    const { offsetLeft, offsetWidth } = types.querySelector("[aria-pressed=true]") ?? types;
    const at = offsetLeft - types.offsetLeft;
    if (at < types.scrollLeft || at + offsetWidth > types.scrollLeft + types.clientWidth) types.scrollLeft = at;
  }

  /** Whether a live event is one of those that are asked for. */
  fits({ type, cart_id, recorded_at, data, meta }) {
    const { type: only, sku, command, cart, from, to } = this.#asked;
    const at = Date.parse(recorded_at);
    return (!only || only === type) && (!sku || sku === data.sku) && (!command || command === meta.command) && (!cart || cart === cart_id) && (!from || at >= Date.parse(from)) && (!to || at < Date.parse(to));
  }
}
