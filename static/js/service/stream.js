/**
 * Live events of one cart or of all, one connection for all tabs of the browser: over HTTP/1.1 a
 * browser opens six connections to a host, so that six streams would block every request.
 *
 * The tab that holds a stream's Web Lock leads: it reads the stream and passes each event on
 * through a BroadcastChannel. The browser releases the lock when that tab closes, crashes or
 * navigates, and the next tab continues after the last event it has seen. A tab that is hidden for
 * long leaves. Outside a secure context there are no locks: each tab has a stream of its own, and
 * they count them.
 */

import { Problem } from "./request.js";
import { readStream } from "./event_stream.js";
import { responded, whenBack } from "./retry.js";

/** @typedef {ReturnType<typeof setTimeout> | undefined} Timer */

/**
 * How a stream is: `live`; `lost`, which means that it is retried; or `off`, and why. Signed out,
 * it is off until the operator signs in again.
 * @typedef {{ is: "live" | "lost" | "off", why?: string, signedOut?: boolean }} StreamState
 *
 * @typedef {object} Follower
 * @property {(event: Api.Event) => void} event Gets each event once and in order.
 * @property {(state: StreamState) => void} state
 * @property {() => void} restart The log has continued differently: what was loaded is void.
 *
 * @typedef {{ hello?: string, leads?: true, id?: string, event?: Api.Event | null, state?:
 *   StreamState, restart?: true }} Message
 */

const HIDDEN_MS = 30_000;
/** A connection that recovers within this time is not reported as lost. */
const BREAK_MS = 2_000;
/** Streams of one browser, which leaves two of its six connections for requests. */
const MAX_STREAMS = 4;
const TURN_MS = 1_000;
/** How long the other tabs may take to say that they have a stream. */
const COUNTING_MS = 300;
const FULL = "Live updates are off: too many other tabs have them. Close one of them.";
/** How long opening a stream may take. */
const SILENT_MS = 8_000;
const SILENT = "Live updates are off: the service doesn’t respond.";

/**
 * The path of a cart's stream, which is ordered by version.
 * @param {string} id
 */
export const ofCart = (id) => `/api/carts/${id}/events`;
/**
 * The path of an order's stream, which is ordered by version.
 * @param {string} id
 */
export const ofOrder = (id) => `/api/orders/${id}/events`;
/** The path of the log's stream, which is ordered by position. */
export const OF_LOG = "/api/events";

/**
 * Follows the stream at `path` after `last`, a version or position. Returns a function that ends
 * it.
 * @param {string} path
 * @param {number} last
 * @param {Follower} follower
 */
export function follow(path, last, follower) {
  /** @type {Member | undefined} */
  let member;
  /** @type {Timer} */
  let hiding;
  let seen = String(last);

  /** @param {Message} message */
  function take({ id, event, state, restart }) {
    if (state) follower.state(state);
    if (restart) follower.restart();
    if (id === undefined || placeOf(id) < placeOf(seen)) return;
    const isNew = placeOf(id) > placeOf(seen);
    seen = id;
    if (event && isNew) follower.event(event);
  }

  function leave() {
    member?.leave();
    member = undefined;
  }

  function onVisibility() {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(leave, HIDDEN_MS);
    else member ??= new Member(path, () => seen, take);
  }

  document.addEventListener("visibilitychange", onVisibility);
  // A page in the back/forward cache must neither lead nor hold a connection.
  addEventListener("pagehide", leave);
  addEventListener("pageshow", onVisibility);
  member = new Member(path, () => seen, take);
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    removeEventListener("pagehide", leave);
    removeEventListener("pageshow", onVisibility);
    clearTimeout(hiding);
    leave();
  };
}

/** The version or position in an id, without the part that names the history. */
const placeOf = (/** @type {string} */ id) => Number.parseInt(id, 10);

/** A stream among those of all tabs, which count each other where the browser has no Web Locks. */
class CountedSlot {
  #channel = new BroadcastChannel("cartlog streams");
  #name = Math.random();
  #others = 0;

  constructor() {
    this.#channel.onmessage = ({ data: { asks, answers } }) => {
      if (asks !== undefined) this.#channel.postMessage({ answers: asks });
      else if (answers === this.#name) this.#others += 1;
    };
  }

  async isFree() {
    this.#channel.postMessage({ asks: this.#name });
    await new Promise((resolve) => setTimeout(resolve, COUNTING_MS));
    return this.#others < MAX_STREAMS;
  }

  release() {
    this.#channel.close();
  }
}

/** One tab among those that share a stream. */
class Member {
  #path;
  #seen;
  #take;
  #leaving = new AbortController();
  #channel;
  #leads = false;
  /** @type {StreamState | null} */
  #state = null;
  /** Where the stream continues; behind `#seen` where another tab needs earlier events. */
  #cursor = "0";
  /** @type {AbortController | null} */
  #reading = null;
  /** @type {CountedSlot | undefined} */
  #slot;
  /** @type {Timer} */
  #losing;
  /** @type {() => void} */
  #wake = () => {};

  /**
   * @param {string} path
   * @param {() => string} seen
   * @param {(message: Message) => void} take
   */
  constructor(path, seen, take) {
    this.#path = path;
    this.#seen = seen;
    this.#take = take;
    this.#channel = new BroadcastChannel(`cartlog ${path}`);
    this.#channel.onmessage = ({ data }) => this.#receive(data);
    this.#channel.postMessage({ hello: seen() });
    this.#join();
  }

  leave() {
    this.#leads = false;
    this.#leaving.abort();
    this.#reading?.abort();
    this.#channel.close();
    this.#slot?.release();
    clearTimeout(this.#losing);
    this.#wake();
  }

  get #left() {
    return this.#leaving.signal.aborted;
  }

  async #join() {
    // Outside a secure context there are no locks: each tab has a stream of its own, if few do.
    if (!navigator.locks) return this.#takeCountedSlot();
    const { signal } = this.#leaving;
    await navigator.locks
      .request(`cartlog ${this.#path}`, { signal }, () => this.#takeSlot())
      .catch(() => {});
  }

  /** Leads as soon as the browser has a connection left for this stream. */
  async #takeSlot() {
    while (!this.#left) {
      for (let slot = 0; slot < MAX_STREAMS; slot += 1) {
        const led = await navigator.locks.request(
          `cartlog stream ${slot}`,
          { ifAvailable: true },
          async (lock) => {
            if (lock) await this.#lead();
            return lock !== null;
          },
        );
        if (led) return;
      }
      this.#tell({ state: { is: "off", why: FULL } });
      await new Promise((resolve) => setTimeout(resolve, TURN_MS));
    }
  }

  /**
   * Leads as soon as the tabs that have a stream, or are about to, leave a connection for this one.
   */
  async #takeCountedSlot() {
    while (!this.#left) {
      this.#slot = new CountedSlot();
      if (await this.#slot.isFree()) await this.#lead();
      this.#slot.release();
      if (this.#left) return;
      this.#tell({ state: { is: "off", why: FULL } });
      // Tabs that counted each other must not do so again.
      await new Promise((resolve) => setTimeout(resolve, TURN_MS * (1 + Math.random())));
    }
  }

  async #lead() {
    this.#leads = true;
    this.#cursor = this.#seen();
    this.#channel.postMessage({ leads: true });
    while (!this.#left) await this.#readOnce();
  }

  async #readOnce() {
    const reading = new AbortController();
    this.#reading = reading;
    // The browser queues a request for which it has no connection: without a word, for ever.
    const silent = setTimeout(() => this.#tell({ state: { is: "off", why: SILENT } }), SILENT_MS);
    const reader = {
      opened: () => {
        clearTimeout(silent);
        this.#tell({ state: { is: "live" } });
        responded();
      },
      received: (/** @type {string} */ id, /** @type {Api.Event | null} */ event) => {
        this.#cursor = id;
        this.#tell({ id, event });
      },
    };
    /** @type {Error | undefined} */
    let failure;
    await readStream(this.#path, this.#cursor, reader, reading.signal).catch(
      (error) => (failure = error),
    );
    clearTimeout(silent);
    if (reading.signal.aborted) return;
    if (failure instanceof Problem) this.#refused(failure);
    else this.#losing ??= setTimeout(() => this.#tell({ state: { is: "lost" } }), BREAK_MS);
    if (!this.#left)
      await new Promise((/** @type {(value?: undefined) => void} */ resolve) =>
        whenBack((this.#wake = resolve)),
      );
  }

  /** @param {Problem} problem */
  #refused(problem) {
    if (problem.slug === "unknown-event-id") this.#tell({ restart: true });
    else if (problem.status === 503) this.#tell({ state: { is: "lost" } });
    else
      this.#tell({
        state: {
          is: "off",
          why: `Live updates are off: ${problem.message}`,
          signedOut: problem.slug === "operator-only",
        },
      });
  }

  /**
   * Tells all tabs, this one included.
   * @param {Message} message
   */
  #tell(message) {
    if (this.#left) return;
    if (message.state) {
      clearTimeout(this.#losing);
      this.#losing = undefined;
      this.#state = message.state;
    }
    this.#channel.postMessage(message);
    this.#take(message);
  }

  /** @param {Message} message */
  #receive(message) {
    if (message.leads) this.#channel.postMessage({ hello: this.#seen() });
    else if (message.hello === undefined) this.#take(message);
    else if (this.#leads) this.#greet(message.hello);
  }

  /**
   * Another tab has joined. If it has seen less, the stream is read again from there; tabs ignore
   * what they have seen.
   * @param {string} seen
   */
  #greet(seen) {
    if (this.#state) this.#channel.postMessage({ state: this.#state });
    if (placeOf(seen) >= placeOf(this.#cursor)) return;
    this.#cursor = seen;
    this.#reading?.abort();
    this.#wake();
  }
}
