/**
 * One cart's history: where the cursor is and what is asked there. Every part of the page
 * gets the same moment and draws itself; none changes the state but through `go`, `explain`,
 * `pin` and `skip`.
 */

import { announce, connectionBack, connectionLost } from "../page/notices.js";
import { byId, setText } from "../page/element.js";
import { spokenMoney } from "../page/format.js";
import { asOperator, isAdmitted } from "../page/operator.js";
import { ownCarts } from "../service/own_carts.js";
import { Problem } from "../service/request.js";
import { follow, ofCart, OF_LOG } from "../service/stream.js";
import { addressOf, readAddress } from "./address.js";
import { CartPanel } from "./cart_panel.js";
import { EventList } from "./event_list.js";
import { EventPanel } from "./event_panel.js";
import { Explanation } from "./explanation.js";
import { Fold } from "./fold.js";
import { StatusIndicators } from "./status_indicators.js";
import { reasonOf } from "./reasons.js";
import { Timeline, Scrubber } from "./timeline.js";
import { StateOrEvents } from "./state_or_events.js";
import { WhatIf } from "./what_if.js";
import { Playback } from "./playback.js";

/** How long a scrub may pause before the parts that are read, not watched, are drawn. */
const SETTLE_MS = 90;
/** The browser refuses more than some two hundred address changes in half a minute. */
const ADDRESS_MS = 250;

export class CartHistory {
  #eventList;
  #hypothetical = null;
  #parts = [];
  #slowParts = [];
  #indicators;
  #frame = 0;
  #settling = 0;
  #drawnAt = 0;
  #addressTimer = 0;
  /** `v` is `null` while the page is at the newest event. */
  state = { v: null, pin: null, why: null, without: [] };

  constructor(id) {
    this.#eventList = new EventList(id);
  }

  async start() {
    setText(byId("title"), "Cart history");
    setText(byId("subtitle"), this.#eventList.id);
    byId("cart").hidden = false;
    byId("progress").hidden = false;
    try {
      this.#eventList = await openEventList(this.#eventList.id, (read) => setText(byId("progress-words"), `${read.toLocaleString("en")} events read`));
    } catch (error) {
      this.#showFailure(error);
      return;
    }
    byId("progress").hidden = true;
    const part = (Part) => new Part(this, this.#eventList);
    this.#indicators = part(StatusIndicators);
    const strip = part(Scrubber);
    this.#parts = [...[CartPanel, Timeline, Playback].map(part), strip];
    this.#slowParts = [...[Explanation, EventPanel, StateOrEvents, WhatIf].map(part), { show: (moment) => strip.paint(moment) }];
    this.#readAddress();
    addEventListener("popstate", () => this.#readAddress());
    this.#follow();
    this.#indicators.check();
  }

  get version() {
    return Math.min(this.state.v ?? this.#eventList.head, this.#eventList.head);
  }

  get address() {
    return new URL(addressOf(this.#eventList.id, { ...this.state, v: this.version }), location.href).href;
  }

  /** Moves the cursor. At the newest event the page follows what comes. */
  go(version) {
    const { head } = this.#eventList;
    const v = Math.min(Math.max(version, 1), head);
    if (v === this.version && (v === head) === (this.state.v === null)) return;
    this.state.v = v === head ? null : v;
    clearTimeout(this.#addressTimer);
    this.#addressTimer = setTimeout(() => this.#writeAddress("replaceState"), ADDRESS_MS);
    this.#draw();
  }

  step(by) {
    this.go(this.version + by);
  }

  explain(why) {
    this.state.why = why === this.state.why ? null : why;
    this.#turn();
    const reason = this.state.why && reasonOf(this.state.why, this.moment());
    const words = reason?.words();
    announce(words ? `${words.title}: ${words.sum}` : "All events");
  }

  pin(version) {
    this.state.pin = version === this.state.pin ? null : version;
    this.#turn();
    announce(this.state.pin ? `Pinned version ${this.state.pin}` : "Unpinned");
  }

  skip(without) {
    this.state.without = this.#allowed(without);
    this.#turn();
    const moment = this.moment();
    announce(this.state.without.length ? `What if: the total would be ${spokenMoney(moment.state.total, moment.eventList.currency)}` : "What-if ended");
  }

  toggleSkip(version) {
    const { without } = this.state;
    this.skip(without.includes(version) ? without.filter((it) => it !== version) : [...without, version]);
  }

  refresh() {
    this.#draw(true);
  }

  /** What all parts draw: the cart at the cursor, what it is compared with, and what is asked. */
  moment() {
    const eventList = this.#eventList;
    const { pin, why, without } = this.state;
    const { version } = this;
    const actual = eventList.fold.at(version);
    const state = without.length ? this.#hypothetical.at(version) : actual;
    const compared = without.length ? "actual" : pin ? "pin" : "before";
    const fold = without.length ? this.#hypothetical : eventList.fold;
    const base = compared === "actual" ? actual : eventList.fold.at(compared === "pin" ? pin : version - 1);
    const moment = { eventList, version, head: eventList.head, event: eventList.event(version), fold, actual, state, base, compared, pin, why, without };
    moment.reason = why ? reasonOf(why, moment) : null;
    return moment;
  }

  #allowed(without) {
    // The opening cannot be skipped: without it there is no cart.
    const allowed = [...new Set(without)].filter((it) => it > 1 && it <= this.#eventList.head).sort((a, b) => a - b);
    this.#hypothetical = allowed.length ? new Fold(this.#eventList.events, allowed) : null;
    return allowed;
  }

  #turn() {
    this.#writeAddress("pushState");
    this.#draw(true);
  }

  #readAddress() {
    const { v, pin, why, without } = readAddress();
    const { head } = this.#eventList;
    this.state = { v: v && v < head ? v : null, pin: pin && pin <= head ? pin : null, why, without: this.#allowed(without) };
    if (why && !reasonOf(why, this.moment())) this.state.why = null;
    this.#draw(true);
  }

  #writeAddress(how) {
    clearTimeout(this.#addressTimer);
    history[how](null, "", addressOf(this.#eventList.id, this.state));
  }

  /**
   * Draws once a frame at most. While the cursor runs only what is watched is drawn; what is read
   * follows when it rests, so that a step costs the same in a history of ten thousand events.
   */
  #draw(all = false) {
    this.#frame ||= requestAnimationFrame((now) => {
      this.#frame = 0;
      const moment = this.moment();
      for (const part of this.#parts) part.show(moment);
      // Shown only once all of it has its place: nothing jumps.
      byId("cart").classList.remove("loading");
      const running = !all && now - this.#drawnAt < SETTLE_MS;
      this.#drawnAt = now;
      clearTimeout(this.#settling);
      if (running) this.#settling = setTimeout(() => this.#settle(), SETTLE_MS);
      else this.#settle(moment);
    });
  }

  #settle(moment = this.moment()) {
    for (const part of this.#slowParts) part.show(moment);
    document.title = `Version ${moment.version} of ${moment.head}: ${moment.event.sentence}`;
  }

  #follow() {
    const { id, head, byOperator } = this.#eventList;
    const take = (event) => {
      connectionBack();
      if (event.cart_id === id) this.#take(event);
    };
    follow(
      byOperator ? OF_LOG : ofCart(id),
      byOperator ? this.#eventList.event(head).position : head,
      take,
      (connected) => (connected ? connectionBack() : this.#lost()),
    );
  }

  async #take(event) {
    const arrivedAt = performance.now();
    // A hole would make the fold a lie: what is missing is read first.
    if (!this.#eventList.append(event)) await this.#eventList.catchUp().catch(() => {});
    this.#draw(true);
    announce(event.sentence);
    this.#indicators.arrived(event, arrivedAt);
  }

  #lost() {
    connectionLost("Connection lost. Reconnecting…", () => this.#indicators.check());
  }

  #showFailure(error) {
    const unknown = error instanceof Problem && error.status === 404;
    byId("cart").hidden = byId("progress").hidden = true;
    if (unknown) {
      showNote("You can’t view this cart", "It doesn’t exist or belongs to someone else.");
      if (!error.admitted) asOperator("The operator can view any cart.", () => location.reload());
    }
    else showNote("Couldn’t load this cart’s history", error.message, () => new CartHistory(this.#eventList.id).start());
  }
}

/**
 * Reads the eventList of cart `id`: as the one who holds it if the cart was filled here, else as
 * the operator if this browser is the operator's. Each way is tried before there is no such cart.
 */
async function openEventList(id, progress) {
  const own = new EventList(id);
  const foreign = new EventList(id, true);
  const admitted = await isAdmitted();
  const ways = ownCarts().includes(id) ? [own, foreign] : [foreign, own];
  for (const eventList of ways.filter((way) => admitted || way === own)) {
    try {
      await eventList.load(progress);
    } catch (error) {
      if (!(error instanceof Problem && error.status === 404)) throw error;
    }
    if (eventList.head) return eventList;
  }
  throw Object.assign(new Problem(404, {}), { admitted });
}

/** Says why there is nothing to see, with a way to try again where that may help. */
export function showNote(title, words, again) {
  byId("note").hidden = false;
  setText(byId("note-title"), title);
  setText(byId("note-words"), words);
  byId("note-again").hidden = !again;
  byId("note-again").onclick = () => {
    byId("note").hidden = true;
    again();
  };
}
