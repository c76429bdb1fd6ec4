/**
 * What the page supposes: events that did not happen, had another quantity, or came in between. The
 * service's rules make the events of a change; only leaving events out needs no request.
 */

import { isTemporary, request } from "../service/request.js";
import { whenBack } from "../service/retry.js";
import { Fold } from "./fold.js";

/**
 * @import { Change } from "./address.js"
 * @import { EventList } from "./event_list.js"
 * @import { MadeUp } from "./fold.js"
 */

/** @param {Change} change */
export const placeOf = (change) =>
  change.change === "set_quantity" ? change.version : change.after;

export class Supposition {
  #eventList;
  #changed;
  #asked = 0;
  /** @type {number[]} */
  without = [];
  /** @type {Change[]} */
  changes = [];
  /** @type {MadeUp[]} */
  events = [];
  /** @type {Api.WhatIf["refused"]} */
  refused = [];
  /**
   * The service's answer, which may be about an earlier end of the history.
   * @type {Api.WhatIf | null}
   */
  answer = null;
  /** Why the service did not answer. */
  failure = "";
  isPending = false;
  /** @type {Fold | null} */
  fold = null;
  /**
   * The versions at which something is made up.
   * @type {Set<number>}
   */
  versions = new Set();

  /**
   * @param {EventList} eventList
   * @param {() => void} changed Called when the service has answered.
   */
  constructor(eventList, changed) {
    this.#eventList = eventList;
    this.#changed = changed;
  }

  get isAny() {
    return this.without.length > 0 || this.changes.length > 0;
  }

  /** Differs between two suppositions that fold differently. */
  get key() {
    return this.isAny
      ? `${this.without} ${JSON.stringify(this.changes)} ${this.events.length} ${this.isPending} ` +
          `${this.failure}`
      : "";
  }

  /**
   * Supposes what is possible of it: the first event, which opens the cart, stays as it is.
   * @param {number[]} without
   * @param {Change[]} changes
   */
  set(without, changes) {
    const { head, byOperator } = this.#eventList;
    this.without = [...new Set(without)].filter((it) => it > 1 && it <= head).sort((a, b) => a - b);
    const skipped = new Set(this.without);
    // The service computes a what-if for the holder of the cart only.
    const allowed = byOperator ? [] : changes.filter((change) => placeOf(change) <= head);
    this.changes = allowed.filter(
      (change) =>
        change.change !== "set_quantity" || (change.version > 1 && !skipped.has(change.version)),
    );
    this.#asked += 1;
    this.failure = "";
    this.isPending = this.changes.length > 0;
    this.answer = null;
    if (!this.isPending) this.events = this.refused = [];
    this.#refold();
    if (this.isPending) this.#ask();
  }

  #refold() {
    this.versions = new Set(this.events.map((event) => event.version));
    this.fold = this.isAny ? new Fold(this.#eventList.events, this.without, this.events) : null;
  }

  async #ask() {
    const own = this.#asked;
    const { without, changes } = this;
    /** @type {MadeUp[]} */
    let events = [];
    /** @type {Api.WhatIf["refused"]} */
    let refused = [];
    let failure = "";
    /** @type {Api.WhatIf | null} */
    let answer = null;
    try {
      const { body } = await request("POST", `/api/carts/${this.#eventList.id}/what-if`, {
        body: { without, changes },
      });
      ({ events, refused } = body);
      answer = body;
    } catch (error) {
      failure = error.message;
      if (isTemporary(error)) whenBack(() => own === this.#asked && this.#ask());
    }
    if (own !== this.#asked) return;
    Object.assign(this, { events, refused, failure, answer, isPending: false });
    this.#refold();
    this.#changed();
  }
}
