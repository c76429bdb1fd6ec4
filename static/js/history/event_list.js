/**
 * All events of one cart, indexed by what they change. The cart's holder reads them from the cart's
 * own endpoint; the operator, who has no cart tokens, reads them from the event log.
 */

import { isAdmitted } from "../page/operator.js";
import { ownCarts } from "../service/own_carts.js";
import { get, Problem } from "../service/request.js";
import { Fold } from "./fold.js";

const PAGE = 200;

/**
 * How many of the ascending `versions` are at most `version`.
 * @param {number[]} versions
 * @param {number} version
 */
export function countUpTo(versions, version) {
  let low = 0;
  let high = versions.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (versions[middle] <= version) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * @param {Map<string, number[]>} lists
 * @param {string} key
 * @param {number} version
 */
function pushTo(lists, key, version) {
  const list = lists.get(key);
  if (list) list.push(version);
  else lists.set(key, [version]);
}

export class EventList {
  /** @type {Api.Event[]} */
  events = [];
  /**
   * Versions of the events that add or remove units.
   * @type {number[]}
   */
  moves = [];
  /** @type {Map<string, number[]>} */
  movesBySku = new Map();
  /** @type {number[]} */
  promotions = [];
  /**
   * The commands that the cart refused, as far as the node keeps them. They are no events.
   * @type {Api.RefusedCommand[]}
   */
  refusals = [];
  /** @type {Map<string, number[]>} */
  #byCommand = new Map();
  /** @type {(string | null)[]} */
  #cursors = [null];

  /**
   * @param {string} id
   * @param {boolean} [byOperator]
   */
  constructor(id, byOperator = false) {
    this.id = id;
    this.byOperator = byOperator;
    this.fold = new Fold(this.events);
  }

  get head() {
    return this.events.length;
  }

  /** @returns {string} */
  get currency() {
    return this.events[0]?.data.currency ?? "EUR";
  }

  /**
   * The event of a version between 1 and the head.
   * @param {number} version
   */
  event(version) {
    return this.events[version - 1];
  }

  /**
   * What the cart refused at `version`, before the next event.
   * @param {number} version
   */
  refusedAt(version) {
    return this.refusals.filter((refused) => refused.version === version);
  }

  /**
   * Versions of the events written by the same command as `event`.
   * @param {Api.Event} event
   */
  siblings(event) {
    return this.#byCommand.get(event.meta.command_id) ?? [event.version];
  }

  /**
   * Loads the whole history, reporting the number of events after each page.
   * @param {(read: number) => void} progress
   */
  async load(progress) {
    /** @type {string | null} */
    let cursor = null;
    do {
      /** @type {{ body: Api.EventPage }} */
      const { body } = await get(this.#page(cursor));
      for (const event of body.items) this.append(event);
      cursor = body.next;
      if (cursor) this.#cursors.push(cursor);
      progress(this.head);
    } while (cursor);
  }

  /**
   * Appends the next event; returns false for any other one.
   * @param {Api.Event} event
   */
  append(event) {
    if (event.version !== this.head + 1) return false;
    this.events.push(event);
    const { sku } = event.data;
    if (event.type === "ItemAdded" || event.type === "ItemRemoved") {
      this.moves.push(event.version);
      pushTo(this.movesBySku, sku, event.version);
    } else if (event.type.startsWith("Promotion")) this.promotions.push(event.version);
    pushTo(this.#byCommand, event.meta.command_id, event.version);
    return true;
  }

  /**
   * The event as a CloudEvent, from the service.
   * @param {number} version
   */
  async cloudEvent(version) {
    const accept = "application/cloudevents-batch+json";
    // The page that held the event, or the last page for an event that arrived live.
    const behind = this.head - version;
    const descending = behind < PAGE;
    const cursor = this.#cursors[Math.floor((version - 1) / PAGE)];
    const path = descending
      ? this.#page(null, { limit: behind + 1, order: "desc" })
      : this.#page(cursor ?? null);
    const { body } = await get(path, { accept });
    return descending ? body[behind] : body[(version - 1) % PAGE];
  }

  async catchUp() {
    /** @type {Api.Event[]} */
    const missing = [];
    /** @type {string | null} */
    let cursor = null;
    do {
      /** @type {{ body: Api.EventPage }} */
      const { body } = await get(this.#page(cursor, { order: "desc" }));
      missing.push(...body.items.filter((event) => event.version > this.head));
      cursor = body.items.every((event) => event.version > this.head) ? body.next : null;
    } while (cursor);
    for (const event of missing.reverse()) this.append(event);
  }

  /** The first version whose previous hash is not the hash before it, or `null`. */
  firstBrokenLink() {
    for (let index = 1; index < this.events.length; index += 1) {
      if (this.events[index].previous_hash !== this.events[index - 1].hash) return index + 1;
    }
    return null;
  }

  /**
   * @param {string | null} cursor
   * @param {{ limit?: number, order?: "asc" | "desc" }} [options]
   */
  #page(cursor, { limit = PAGE, order = "asc" } = {}) {
    const path = this.byOperator
      ? `/api/events?cart_id=${this.id}&`
      : `/api/carts/${this.id}/events?`;
    const page = `${path}limit=${limit}&order=${order}`;
    return cursor ? `${page}&cursor=${encodeURIComponent(cursor)}` : page;
  }
}

/**
 * Loads the events of cart `id`: as its holder if this browser opened it, else as the operator if
 * this browser is signed in. The cart counts as unknown only after both failed.
 * @param {string} id
 * @param {(read: number) => void} progress
 */
export async function openEventList(id, progress) {
  const own = new EventList(id);
  const foreign = new EventList(id, true);
  const admitted = await isAdmitted();
  const lists = ownCarts().includes(id) ? [own, foreign] : [foreign, own];
  for (const eventList of lists.filter((list) => admitted || list === own)) {
    try {
      await eventList.load(progress);
    } catch (error) {
      if (!(error instanceof Problem && error.status === 404)) throw error;
    }
    if (eventList.head) return eventList;
  }
  throw Object.assign(new Problem(404, {}), { admitted });
}
