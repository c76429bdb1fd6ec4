/**
 * Loads that may overlap. A load that began later makes the earlier one stale, and ends what it
 * left running, such as a stream or a retry.
 */
export class Loading {
  #turn = 0;
  /** @type {Array<() => void>} */
  #ends = [];

  /** Begins a load. Returns whether no other one has begun since. */
  begin() {
    for (const end of this.#ends.splice(0)) end();
    this.#turn += 1;
    const turn = this.#turn;
    return () => turn === this.#turn;
  }

  /**
   * Calls `end` when the next load begins.
   * @param {() => void} end
   */
  untilNext(end) {
    this.#ends.push(end);
  }
}
