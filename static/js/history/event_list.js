/**
 * All events of one cart, as they were read, with indexes by what they touch. Whoever holds the
 * cart reads them by its own address; the operator, who may see every event but opens no cart,
 * reads them from the journal.
 */

import { get } from "../service/request.js";
import { Fold } from "./fold.js";

const PAGE = 200;

/** How many of the ascending `versions` are at most `version`. */
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

export class EventList {
  events = [];
  /** Versions of the events that move units, all and by sku. */
  moves = [];
  movesBySku = new Map();
  promotions = [];
  #byCommand = new Map();
  #cursors = [null];

  constructor(id, byOperator = false) {
    this.id = id;
    this.byOperator = byOperator;
    this.fold = new Fold(this.events);
  }

  get head() {
    return this.events.length;
  }

  get currency() {
    return this.events[0]?.data.currency ?? "EUR";
  }

  event(version) {
    return this.events[version - 1];
  }

  /** Versions of the events that were written by the same command as `event`. */
  siblings(event) {
    return this.#byCommand.get(event.meta.command_id) ?? [event.version];
  }

  /** Reads the whole history, telling `progress(read)` after each page. */
  async load(progress) {
    let cursor = null;
    do {
      const { body } = await get(this.#page(cursor));
      for (const event of body.items) this.append(event);
      cursor = body.next;
      if (cursor) this.#cursors.push(cursor);
      progress(this.head);
    } while (cursor);
  }

  /** Takes in an event; answers false if it is known already. */
  append(event) {
    if (event.version !== this.head + 1) return false;
    this.events.push(event);
    const { sku } = event.data;
    if (event.type === "ItemAdded" || event.type === "ItemRemoved") {
      this.moves.push(event.version);
      if (!this.movesBySku.has(sku)) this.movesBySku.set(sku, []);
      this.movesBySku.get(sku).push(event.version);
    } else if (event.type.startsWith("Promotion")) this.promotions.push(event.version);
    const command = event.meta.command_id;
    if (!this.#byCommand.has(command)) this.#byCommand.set(command, []);
    this.#byCommand.get(command).push(event.version);
    return true;
  }

  /** An event as the service writes it as a CloudEvent. */
  async cloudEvent(version) {
    const accept = "application/cloudevents-batch+json";
    // The page that the event was read with, or, for one that came since, the newest ones.
    const behind = this.head - version;
    const descending = behind < PAGE;
    const cursor = this.#cursors[Math.floor((version - 1) / PAGE)];
    const path = descending ? this.#page(null, { limit: behind + 1, order: "desc" }) : this.#page(cursor);
    const { body } = await get(path, { accept });
    return descending ? body[behind] : body[(version - 1) % PAGE];
  }

  async catchUp() {
    const missing = [];
    let cursor = null;
    do {
      const { body } = await get(this.#page(cursor, { order: "desc" }));
      missing.push(...body.items.filter((event) => event.version > this.head));
      cursor = body.items.every((event) => event.version > this.head) ? body.next : null;
    } while (cursor);
    for (const event of missing.reverse()) this.append(event);
  }

  /** The first version whose event does not name the hash of the one before it, or `null`. */
  firstBrokenLink() {
    for (let index = 1; index < this.events.length; index += 1) {
      if (this.events[index].previous_hash !== this.events[index - 1].hash) return index + 1;
    }
    return null;
  }

  #page(cursor, { limit = PAGE, order = "asc" } = {}) {
    const path = this.byOperator ? `/api/events?cart_id=${this.id}&` : `/api/carts/${this.id}/events?`;
    return `${path}limit=${limit}&order=${order}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`;
  }
}
