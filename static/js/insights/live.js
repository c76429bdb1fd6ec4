/**
 * Keeps the insights up to date: they are loaded again soon after events arrive. The events
 * themselves are not counted here: the views have done so.
 */

import { byId, setText } from "../page/element.js";
import { showStream } from "../page/notices.js";
import { timeOfDay } from "../page/format.js";
import { follow, OF_LOG } from "../service/stream.js";

/** @import { Timer } from "../service/stream.js" */

/** The shortest time between two refreshes: each reads all views. */
const PAUSE_MS = 2000;

export class Live {
  #refresh;
  #isFollowing = false;
  /** The newest event that arrived. */
  #newest = 0;
  /** @type {Timer} */
  #timer;

  /** @param {() => void} refresh */
  constructor(refresh) {
    this.#refresh = refresh;
  }

  /**
   * Notes that the insights shown have all events up to `position`.
   * @param {number} position
   */
  shown(position) {
    setText(byId("updated"), `Live, updated ${timeOfDay(new Date().toISOString())}`);
    // The views may be behind the events.
    if (position < this.#newest) this.#soon();
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    follow(OF_LOG, position, {
      event: (event) => {
        this.#newest = event.position;
        this.#soon();
      },
      state: (state) => (state.signedOut ? location.reload() : showStream(state)),
      restart: () => location.reload(),
    });
  }

  #soon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // A refresh replaces the rows of the tables: the focus in one would be lost.
      if (byId("results").contains(document.activeElement)) this.#soon();
      else this.#refresh();
    }, PAUSE_MS);
  }
}
