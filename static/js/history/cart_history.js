/**
 * One cart's history: where the cursor stands and what is asked there. Every part of the page
 * gets the same moment and draws itself; none changes the state but through `go`, `explain`,
 * `pin` and `setAside`.
 */

import { announce, connectionBack, connectionLost } from "../page/notices.js";
import { byId, setText } from "../page/element.js";
import { spokenMoney } from "../page/writing.js";
import { asOperator, isAdmitted } from "../page/operator.js";
import { ownCarts } from "../service/own_carts.js";
import { Problem } from "../service/request.js";
import { follow, ofCart, OF_LOG } from "../service/stream.js";
import { addressOf, readAddress } from "./address.js";
import { CartPanel } from "./cart_panel.js";
import { Chronicle } from "./chronicle.js";
import { EventPanel } from "./event_panel.js";
import { Explanation } from "./explanation.js";
import { Fold } from "./fold.js";
import { Lights } from "./lights.js";
import { reasonOf } from "./reasons.js";
import { Ribbon, Strip } from "./ribbon.js";
import { StateOrEvents } from "./state_or_events.js";
import { Supposition } from "./supposition.js";
import { Transport } from "./transport.js";

/** How long a scrub may pause before the parts that are read, not watched, are drawn. */
const REST_MS = 90;
/** The browser refuses more than some two hundred address changes in half a minute. */
const ADDRESS_MS = 250;

export class CartHistory {
  #chronicle;
  #supposed = null;
  #parts = [];
  #slowParts = [];
  #lights;
  #frame = 0;
  #resting = 0;
  #drawnAt = 0;
  #addressTimer = 0;
  /** `v` is `null` while the page stands at the newest event. */
  state = { v: null, pin: null, why: null, without: [] };

  constructor(id) {
    this.#chronicle = new Chronicle(id);
  }

  async start() {
    setText(byId("title"), "Cart history");
    setText(byId("subtitle"), this.#chronicle.id);
    byId("cart").hidden = false;
    byId("progress").hidden = false;
    try {
      this.#chronicle = await openChronicle(this.#chronicle.id, (read) => setText(byId("progress-words"), `${read.toLocaleString("en")} events read`));
    } catch (error) {
      this.#showFailure(error);
      return;
    }
    byId("progress").hidden = true;
    const part = (Part) => new Part(this, this.#chronicle);
    this.#lights = part(Lights);
    const strip = part(Strip);
    this.#parts = [...[CartPanel, Ribbon, Transport].map(part), strip];
    this.#slowParts = [...[Explanation, EventPanel, StateOrEvents, Supposition].map(part), { show: (moment) => strip.paint(moment) }];
    this.#readAddress();
    addEventListener("popstate", () => this.#readAddress());
    this.#follow();
    this.#lights.check();
  }

  get version() {
    return Math.min(this.state.v ?? this.#chronicle.head, this.#chronicle.head);
  }

  get address() {
    return new URL(addressOf(this.#chronicle.id, { ...this.state, v: this.version }), location.href).href;
  }

  /** Moves the cursor. At the newest event the page follows what comes. */
  go(version) {
    const { head } = this.#chronicle;
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

  setAside(without) {
    this.state.without = this.#allowed(without);
    this.#turn();
    const moment = this.moment();
    announce(this.state.without.length ? `What if: the total would be ${spokenMoney(moment.state.total, moment.chronicle.currency)}` : "What-if ended");
  }

  toggleAside(version) {
    const { without } = this.state;
    this.setAside(without.includes(version) ? without.filter((it) => it !== version) : [...without, version]);
  }

  refresh() {
    this.#draw(true);
  }

  /** What all parts draw: the cart at the cursor, what it is compared with, and what is asked. */
  moment() {
    const chronicle = this.#chronicle;
    const { pin, why, without } = this.state;
    const { version } = this;
    const actual = chronicle.fold.at(version);
    const state = without.length ? this.#supposed.at(version) : actual;
    const compared = without.length ? "actual" : pin ? "pin" : "before";
    const fold = without.length ? this.#supposed : chronicle.fold;
    const base = compared === "actual" ? actual : chronicle.fold.at(compared === "pin" ? pin : version - 1);
    const moment = { chronicle, version, head: chronicle.head, event: chronicle.event(version), fold, actual, state, base, compared, pin, why, without };
    moment.reason = why ? reasonOf(why, moment) : null;
    return moment;
  }

  #allowed(without) {
    // The opening cannot be set aside: without it there is no cart.
    const allowed = [...new Set(without)].filter((it) => it > 1 && it <= this.#chronicle.head).sort((a, b) => a - b);
    this.#supposed = allowed.length ? new Fold(this.#chronicle.events, allowed) : null;
    return allowed;
  }

  #turn() {
    this.#writeAddress("pushState");
    this.#draw(true);
  }

  #readAddress() {
    const { v, pin, why, without } = readAddress();
    const { head } = this.#chronicle;
    this.state = { v: v && v < head ? v : null, pin: pin && pin <= head ? pin : null, why, without: this.#allowed(without) };
    if (why && !reasonOf(why, this.moment())) this.state.why = null;
    this.#draw(true);
  }

  #writeAddress(how) {
    clearTimeout(this.#addressTimer);
    history[how](null, "", addressOf(this.#chronicle.id, this.state));
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
      const running = !all && now - this.#drawnAt < REST_MS;
      this.#drawnAt = now;
      clearTimeout(this.#resting);
      if (running) this.#resting = setTimeout(() => this.#rest(), REST_MS);
      else this.#rest(moment);
    });
  }

  #rest(moment = this.moment()) {
    for (const part of this.#slowParts) part.show(moment);
    document.title = `Version ${moment.version} of ${moment.head}: ${moment.event.sentence}`;
  }

  #follow() {
    const { id, head, byOperator } = this.#chronicle;
    const take = (event) => {
      connectionBack();
      if (event.cart_id === id) this.#take(event);
    };
    follow(
      byOperator ? OF_LOG : ofCart(id),
      byOperator ? this.#chronicle.event(head).position : head,
      take,
      (stands) => (stands ? connectionBack() : this.#lost()),
    );
  }

  async #take(event) {
    const came = performance.now();
    // A hole would make the fold a lie: what is missing is read first.
    if (!this.#chronicle.append(event)) await this.#chronicle.catchUp().catch(() => {});
    this.#draw(true);
    announce(event.sentence);
    this.#lights.arrived(event, came);
  }

  #lost() {
    connectionLost("Connection lost. Reconnecting…", () => this.#lights.check());
  }

  #showFailure(error) {
    const unknown = error instanceof Problem && error.status === 404;
    byId("cart").hidden = byId("progress").hidden = true;
    if (unknown) {
      showNote("You can’t view this cart", "It doesn’t exist or belongs to someone else.");
      if (!error.admitted) asOperator("The operator can view any cart.", () => location.reload());
    }
    else showNote("Couldn’t load this cart’s history", error.message, () => new CartHistory(this.#chronicle.id).start());
  }
}

/**
 * Reads the chronicle of cart `id`: as the one who holds it if the cart was filled here, else as
 * the operator if this browser is the operator's. Each way is tried before there is no such cart.
 */
async function openChronicle(id, progress) {
  const own = new Chronicle(id);
  const foreign = new Chronicle(id, true);
  const admitted = await isAdmitted();
  const ways = ownCarts().includes(id) ? [own, foreign] : [foreign, own];
  for (const chronicle of ways.filter((way) => admitted || way === own)) {
    try {
      await chronicle.load(progress);
    } catch (error) {
      if (!(error instanceof Problem && error.status === 404)) throw error;
    }
    if (chronicle.head) return chronicle;
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
