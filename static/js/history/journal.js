/**
 * The journal of the whole log: the newest events, live, or any page back to the first. What is
 * asked stands in the address, so that it can be sent:
 *
 *   /history?type=ItemAdded&sku=teapot&command=undo&cart=…&from=…&to=…&order=asc&cursor=…
 */

import { byId, disable, element, fromTemplate, onPress, setAttribute, setText } from "../page/element.js";
import { announce, connectionBack, connectionLost } from "../page/notices.js";
import { count, fullTime } from "../page/writing.js";
import { get, Problem } from "../service/request.js";
import { follow, OF_LOG } from "../service/stream.js";
import { COMMANDS, kindOf, markOf, TYPES } from "../page/kinds.js";

const PAGE = 50;
/** How many events the newest page takes in before it asks to be read anew. */
const MOST = 250;
/** Events that come in a burst are shown together. */
const GATHER_MS = 200;

const FILTERS = ["type", "sku", "command", "cart", "from", "to"];

export class Journal {
  #list = byId("journal-list");
  #choices;
  #asked = {};
  #turn = 0;
  #stop = () => {};
  #paused = false;
  #arrived = [];
  #gathering = 0;
  #waiting = 0;
  #next = null;

  constructor() {
    this.#choices = new Choices((name, value) => this.#choose({ ...this.#asked, [name]: value, cursor: null }));
    onPress("journal-pause", () => (this.#paused && this.#waiting ? this.#read() : this.#showPaused(!this.#paused)));
    const turn = (id, parts) => onPress(id, () => this.#turnTo(parts()));
    turn("journal-new", () => ({ order: null, cursor: null }));
    turn("journal-newest", () => ({ order: null, cursor: null }));
    turn("journal-first", () => ({ order: "asc", cursor: null }));
    turn("journal-next", () => ({ cursor: this.#next }));
    onPress("journal-again", () => this.#read());
    addEventListener("popstate", () => this.#readAddress());
    this.#readAddress();
  }

  /** Whether the page stands at the newest event, where what comes is shown. */
  get #live() {
    return !this.#asked.cursor && !this.#asked.order;
  }

  #readAddress() {
    const address = new URLSearchParams(location.search);
    this.#asked = Object.fromEntries([...FILTERS, "order", "cursor"].map((name) => [name, address.get(name)]).filter(([, value]) => value));
    this.#read();
  }

  #choose(asked) {
    this.#asked = Object.fromEntries(Object.entries(asked).filter(([, value]) => value));
    const address = new URLSearchParams(this.#asked);
    history.pushState(null, "", address.size ? `/history?${address}` : "/history");
    this.#read();
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
    this.#tellWaiting(0);
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
    byId("journal-none").hidden = items.length > 0;
    const filtered = FILTERS.some((name) => this.#asked[name]);
    setText(byId("journal-none"), filtered ? "No such event: take a filter off." : "Nothing has happened yet.");
    disable("journal-newest", this.#live);
    disable("journal-first", ascending && !this.#asked.cursor);
    disable("journal-next", !next);
    setText(byId("journal-next"), ascending ? "Later events" : "Earlier events");
    const end = next ? "" : ascending ? " This is the newest." : " This is the first one ever.";
    setText(byId("journal-words"), `${ascending ? "The oldest first." : "The newest first."}${items.length && !filtered ? end : ""}`);
    byId("journal-pause").hidden = !this.#live;
  }

  #row(event) {
    const { position, cart_id, version, type, recorded_at, sentence, data, meta } = event;
    const chip = (name, value, words, what) => element("button", { class: "tag", type: "button", "aria-label": `Only ${what} ${words}`, title: `Only ${what} ${words}`, testid: `only-${name}-${position}`, on: { click: () => this.#choose({ ...this.#asked, [name]: value, cursor: null }) } }, words);
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
        this.#arrived.push(event);
        this.#gathering ||= setTimeout(() => this.#gather(), GATHER_MS);
      },
      (stands) => (stands ? connectionBack() : connectionLost("The connection is lost. The journal goes on when it is back.", () => this.#read())),
    );
  }

  /** Shows what has arrived, or only says how much where it would move what somebody reads. */
  #gather() {
    this.#gathering = 0;
    const events = this.#arrived.splice(0);
    const reads = this.#list.getBoundingClientRect().top < 0 || this.#list.contains(document.activeElement);
    // No row falls off the end: the next page goes on from where this one was read to.
    const full = this.#list.childElementCount + events.length > MOST;
    if (!this.#live || this.#paused || reads || full || this.#waiting) {
      this.#tellWaiting(this.#waiting + events.length);
      return;
    }
    this.#list.prepend(...events.reverse().map((event) => this.#row(event)));
    byId("journal-none").hidden = true;
    announce(events.length === 1 ? events[0].sentence : count(events.length, "new event"));
  }

  #showPaused(paused) {
    this.#paused = paused;
    setAttribute(byId("journal-pause"), "aria-pressed", String(paused));
    setText(byId("journal-pause"), paused ? "Paused" : "Pause");
  }

  #tellWaiting(number) {
    if (number && !this.#waiting) announce("There are new events");
    this.#waiting = number;
    byId("journal-new").hidden = !number;
    setText(byId("journal-new"), count(number, "new event"));
  }
}

/** What the journal is filtered by: a chip for each type, two lists, and what was chosen in a row. */
class Choices {
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
      // The one that was asked for before its name was known is among them.
      byId("journal-sku").length = 1;
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
