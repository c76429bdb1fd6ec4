/** Stepping through a sequence: four buttons and a slider, which is also for the keyboard. */

import { byId, partsOf, setAttribute } from "../page/element.js";

/**
 * @typedef {object} Options
 * @property {(place: number) => void} show Gets each place that is reached.
 * @property {(place: number) => string} name The place in words, for screen readers.
 */

export class Stepper {
  #slider;
  #parts;
  #options;
  #place = 0;
  /**
   * Where Back and Next stop; every place if there are none.
   * @type {number[]}
   */
  #stops = [];

  /**
   * @param {string} id The element with the parts `first`, `back`, `next`, `last` and `slider`.
   * @param {Options} options
   */
  constructor(id, options) {
    this.#options = options;
    this.#parts = partsOf(byId(id));
    this.#slider = /** @type {HTMLInputElement} */ (this.#parts.slider);
    this.#slider.addEventListener("input", () => this.goTo(Number(this.#slider.value)));
    /** @type {Record<string, () => number>} */
    const targets = {
      first: () => 0,
      back: () => this.#before,
      next: () => this.#after,
      last: () => this.end,
    };
    for (const [name, target] of Object.entries(targets))
      this.#parts[name].addEventListener("click", () => this.goTo(target()));
  }

  get place() {
    return this.#place;
  }

  get end() {
    return Number(this.#slider.max);
  }

  get #before() {
    return this.#stops.length
      ? (this.#stops.findLast((stop) => stop < this.#place) ?? 0)
      : this.#place - 1;
  }

  get #after() {
    return this.#stops.length
      ? (this.#stops.find((stop) => stop > this.#place) ?? this.end)
      : this.#place + 1;
  }

  /**
   * Sets the last place, and where Back and Next stop.
   * @param {number} end
   * @param {number[]} [stops]
   */
  setEnd(end, stops = []) {
    this.#slider.max = String(end);
    this.#stops = stops;
  }

  /** @param {number} place */
  goTo(place) {
    this.#place = Math.min(Math.max(place, 0), this.end);
    this.#slider.value = String(this.#place);
    setAttribute(this.#slider, "aria-valuetext", this.#options.name(this.#place));
    const ends = { first: 0, back: 0, next: this.end, last: this.end };
    // `aria-disabled` keeps the focus where `disabled` would lose it.
    for (const [name, end] of Object.entries(ends))
      setAttribute(this.#parts[name], "aria-disabled", this.#place === end ? "true" : null);
    this.#options.show(this.#place);
  }
}
