/**
 * One cart's history: the position of the scrubber and the state of the page. Each part renders the
 * same moment; parts change the state only through `go`, `explain`, `pin` and `suppose`.
 */

import { announce, showStream } from "../page/notices.js";
import { byId, onPress, setText } from "../page/element.js";
import { spokenMoney } from "../page/format.js";
import { asOperator } from "../page/operator.js";
import { Problem } from "../service/request.js";
import { whenBack } from "../service/retry.js";
import { follow, ofCart, OF_LOG } from "../service/stream.js";
import { addressOf, readAddress } from "./address.js";
import { CartPanel } from "./cart_panel.js";
import { EventList, openEventList } from "./event_list.js";
import { EventPanel } from "./event_panel.js";
import { Explanation } from "./explanation.js";
import { Refusals } from "./refusals.js";
import { Supposition } from "./supposition.js";
import { StatusIndicators } from "./status_indicators.js";
import { reasonOf } from "./reasons.js";
import { Timeline, Scrubber } from "./timeline.js";
import { StateOrEvents } from "./state_or_events.js";
import { Suppose } from "./suppose.js";
import { Finder } from "./finder.js";
import { WhatIf } from "./what_if.js";
import { Playback } from "./playback.js";
import { showNote } from "./note.js";

/**
 * @import { Change } from "./address.js"
 * @import { Moment, Part } from "./moment.js"
 * @import { Timer } from "../service/stream.js"
 */

/** How long scrubbing must pause before the slow parts are rendered. */
const SETTLE_MS = 90;
/** Delay of URL updates: browsers limit them to some 200 in 30 s. */
const ADDRESS_MS = 250;

export class CartHistory {
  #eventList;
  #supposed;
  /** @type {Part[]} */
  #parts = [];
  /** @type {Part[]} */
  #slowParts = [];
  /** @type {StatusIndicators | null} */
  #indicators = null;
  /** @type {Refusals | null} */
  #refusals = null;
  #frame = 0;
  /** @type {Timer} */
  #settling;
  #drawnAt = 0;
  /** Whether the version has changed since it was last announced. */
  #moved = false;
  /** @type {Timer} */
  #addressTimer;
  /** @type {import("./address.js").UrlState} */
  state = { v: null, pin: null, why: null, without: [], changes: [] };

  /** @param {string} id */
  constructor(id) {
    this.#eventList = new EventList(id);
    this.#supposed = new Supposition(this.#eventList, () => {});
  }

  async start() {
    setText(byId("title"), "Cart history");
    setText(byId("subtitle"), this.#eventList.id);
    byId("cart").hidden = false;
    byId("progress").hidden = false;
    try {
      this.#eventList = await openEventList(this.#eventList.id, (read) =>
        setText(byId("progress-words"), `${read.toLocaleString("en")} events read`),
      );
    } catch (error) {
      this.#showFailure(error);
      return;
    }
    byId("progress").hidden = true;
    const eventList = this.#eventList;
    this.#supposed = new Supposition(eventList, () => {
      this.#draw(true);
      this.#announceSupposed();
    });
    const scrubber = new Scrubber(this, eventList);
    this.#indicators = new StatusIndicators(this, eventList);
    this.#parts = [
      new CartPanel(this, eventList),
      new Timeline(this, eventList),
      new Playback(this),
      scrubber,
    ];
    const refusals = new Refusals(this, eventList);
    this.#refusals = refusals;
    this.#slowParts = [
      refusals,
      new Explanation(this),
      new EventPanel(this, eventList),
      new StateOrEvents(this, eventList),
      new WhatIf(this, eventList),
      new Suppose(this, eventList),
      new Finder(this, eventList),
      { show: (moment) => scrubber.paint(moment) },
    ];
    this.#readAddress();
    addEventListener("popstate", () => this.#readAddress());
    this.#follow();
    refusals.load();
    this.#indicators?.check();
    this.#indicators?.checkSeen();
    if (!eventList.byOperator) this.#offerProof();
  }

  /** The proof's code is loaded when it is wanted. */
  #offerProof() {
    /** @type {Promise<Part & { open(version: number): Promise<void> }> | null} */
    let panel = null;
    byId("proof-open").hidden = false;
    onPress("proof-open", async () => {
      panel ??= import("./proof_panel.js").then(({ ProofPanel }) => {
        const made = new ProofPanel(this.#eventList);
        this.#slowParts.push(made);
        return made;
      });
      (await panel).open(this.version);
    });
  }

  get version() {
    return Math.min(this.state.v ?? this.#eventList.head, this.#eventList.head);
  }

  get address() {
    return new URL(addressOf(this.#eventList.id, { ...this.state, v: this.version }), location.href)
      .href;
  }

  /**
   * Moves to a version. At the last event the page follows new ones.
   * @param {number} version
   */
  go(version) {
    const { head } = this.#eventList;
    const v = Math.min(Math.max(version, 1), head);
    if (v === this.version && (v === head) === (this.state.v === null)) return;
    this.state.v = v === head ? null : v;
    clearTimeout(this.#addressTimer);
    this.#addressTimer = setTimeout(() => this.#writeAddress("replaceState"), ADDRESS_MS);
    this.#moved = true;
    this.#draw();
  }

  /** @param {number} by */
  step(by) {
    this.go(this.version + by);
  }

  /** @param {string | null} why */
  explain(why) {
    this.state.why = why === this.state.why ? null : why;
    this.#turn();
    const reason = this.state.why ? reasonOf(this.state.why, this.moment()) : null;
    const words = reason?.words();
    announce(words ? `${words.title}: ${words.sum}` : "All events");
  }

  /** @param {number | null} version */
  pin(version) {
    this.state.pin = version === this.state.pin ? null : version;
    this.#turn();
    announce(this.state.pin ? `Pinned version ${this.state.pin}` : "Unpinned");
  }

  /**
   * @param {number[]} without
   * @param {Change[]} changes
   */
  suppose(without, changes) {
    this.#set(without, changes);
    this.#turn();
    if (!this.#supposed.isPending) this.#announceSupposed();
  }

  /**
   * Adds a change to the what-if, in place of an earlier one of the same event's quantity.
   * @param {Change} change
   */
  change(change) {
    /** @param {Change} other */
    const isReplaced = (other) =>
      change.change === "set_quantity" &&
      other.change === "set_quantity" &&
      other.version === change.version;
    const version = change.change === "set_quantity" ? change.version : 0;
    this.suppose(
      this.state.without.filter((it) => it !== version),
      [...this.state.changes.filter((it) => !isReplaced(it)), change],
    );
  }

  /** @param {number} version */
  toggleSkip(version) {
    const { without, changes } = this.state;
    this.suppose(
      without.includes(version) ? without.filter((it) => it !== version) : [...without, version],
      changes,
    );
  }

  #announceSupposed() {
    const { supposed, state, eventList } = this.moment();
    announce(
      !supposed.isAny
        ? "What-if ended"
        : supposed.failure ||
            (supposed.refused[0]?.detail ??
              `What if: the total would be ${spokenMoney(state.total, eventList.currency)}`),
    );
  }

  refresh() {
    this.#draw(true);
  }

  moment() {
    const eventList = this.#eventList;
    const { pin, why, without } = this.state;
    const { version } = this;
    const supposed = this.#supposed;
    const hypothetical = supposed.fold !== null;
    const actual = eventList.fold.at(version);
    const fold = supposed.fold ?? eventList.fold;
    const state = fold.at(version);
    /** @type {Moment["compared"]} */
    const compared = hypothetical ? "actual" : pin ? "pin" : "before";
    const base =
      compared === "actual"
        ? actual
        : eventList.fold.at(compared === "pin" && pin ? pin : version - 1);
    /** @type {Moment} */
    const moment = {
      eventList,
      version,
      head: eventList.head,
      event: eventList.event(version),
      fold,
      actual,
      state,
      base,
      compared,
      pin,
      why,
      without,
      supposed,
      hypothetical,
      variant: supposed.key,
      reason: null,
    };
    moment.reason = why ? reasonOf(why, moment) : null;
    return moment;
  }

  /**
   * @param {number[]} without
   * @param {Change[]} changes
   */
  #set(without, changes) {
    this.#supposed.set(without, changes);
    this.state.without = this.#supposed.without;
    this.state.changes = this.#supposed.changes;
  }

  #turn() {
    this.#writeAddress("pushState");
    this.#draw(true);
  }

  #readAddress() {
    const { v, pin, why, without, changes } = readAddress();
    const { head } = this.#eventList;
    this.state = {
      v: v && v < head ? v : null,
      pin: pin && pin <= head ? pin : null,
      why,
      without,
      changes,
    };
    this.#set(without, changes);
    if (why && !reasonOf(why, this.moment())) this.state.why = null;
    this.#draw(true);
  }

  /** @param {"pushState" | "replaceState"} how */
  #writeAddress(how) {
    clearTimeout(this.#addressTimer);
    history[how](null, "", addressOf(this.#eventList.id, this.state));
  }

  /**
   * Renders at most once a frame. While the scrubber moves only the fast parts are rendered; the
   * slow ones follow when it stops, so that a step costs the same in a history of 10,000 events.
   */
  #draw(all = false) {
    this.#frame ||= requestAnimationFrame((now) => {
      this.#frame = 0;
      const moment = this.moment();
      for (const part of this.#parts) part.show(moment);
      // Shown once everything has its place: no layout shift.
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
    // The slider reads out its own value.
    if (this.#moved && document.activeElement !== byId("slider"))
      announce(
        `Version ${moment.version}: ${moment.event.sentence}. Total ` +
          `${spokenMoney(moment.state.total, moment.eventList.currency)}`,
      );
    this.#moved = false;
    document.title = `Version ${moment.version} of ${moment.head}: ${moment.event.sentence}`;
  }

  #follow() {
    const { id, head, byOperator } = this.#eventList;
    const last = byOperator ? this.#eventList.event(head).position : head;
    follow(byOperator ? OF_LOG : ofCart(id), last, {
      event: (event) => event.cart_id === id && !event.order_id && this.#take(event),
      state: (state) => (state.signedOut ? location.reload() : showStream(state)),
      restart: () => location.reload(),
    });
  }

  /** @param {Api.Event} event */
  async #take(event) {
    const arrivedAt = performance.now();
    // A gap would make the fold wrong: missing events are loaded first.
    if (!this.#eventList.append(event)) {
      try {
        await this.#eventList.catchUp();
      } catch {
        whenBack(() => this.#take(event));
        return;
      }
    }
    this.#draw(true);
    announce(event.sentence);
    this.#refusals?.load();
    this.#indicators?.arrived(event, arrivedAt);
  }

  /** @param {Error} error */
  #showFailure(error) {
    const unknown = error instanceof Problem && error.status === 404;
    byId("cart").hidden = byId("progress").hidden = true;
    if (unknown) {
      showNote(
        "You can’t view this cart",
        new Error("It doesn’t exist or belongs to someone else."),
      );
      if (!("admitted" in error && error.admitted))
        asOperator("The operator can view any cart.", () => location.reload());
    } else
      showNote("Couldn’t load this cart’s history", error, () =>
        new CartHistory(this.#eventList.id).start(),
      );
  }
}
