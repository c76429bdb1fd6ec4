/**
 * Playback controls: buttons, play and keyboard. Single-key shortcuts can be disabled, because they
 * interfere with speech input (WCAG 2.1.4).
 */

import { byId, disable, element, onPress, setAttribute, setText } from "../page/element.js";
import { loadItem, storeItem } from "../page/storage.js";
import { toast } from "../page/notices.js";
import { copyText } from "./copy.js";

/**
 * @import { CartHistory } from "./cart_history.js"
 * @import { Moment } from "./moment.js"
 */

const SPEEDS = [1, 5, 25, 125];
const PACE = 1.5;
/** After a pause, as of a tab in the background, playback goes on where it was. */
const LONGEST_FRAME_MS = 100;
const SHORTCUTS = "cartlog.letters";

export class Playback {
  #page;
  #playing = 0;
  #speed = 0;
  #head = 1;

  /** @param {CartHistory} page */
  constructor(page) {
    this.#page = page;
    onPress("first", () => page.go(1));
    onPress("back", () => page.step(-1));
    onPress("play", () => this.#toggle());
    onPress("forward", () => page.step(1));
    onPress("last", () => page.go(this.#head));
    onPress("speed", () => this.#faster());
    onPress("pin", () => page.pin(page.version));
    onPress("skip-event", () => page.toggleSkip(page.version));
    onPress("copy-link", async () => (await copyText(page.address)) && toast("Link copied"));
    byId("shortcuts").checked = loadItem(SHORTCUTS) !== "false";
    byId("shortcuts").addEventListener("change", () =>
      storeItem(SHORTCUTS, String(byId("shortcuts").checked)),
    );
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  /** @param {Moment} moment */
  show({ version, head, event, pin, without }) {
    this.#head = head;
    const skipped = without.includes(version);
    // The words may be cut where there is no room, a price never.
    const at = event.sentence.lastIndexOf(" at ");
    const price = event.data.unit_price !== undefined && at > 0 ? at : event.sentence.length;
    setText(byId("sentence-words"), `#${version} ${event.sentence.slice(0, price)}`);
    setText(byId("sentence-price"), event.sentence.slice(price));
    setAttribute(byId("sentence"), "title", event.sentence);
    byId("sentence").classList.toggle("skipped", skipped);
    for (const id of ["first", "back", "skip-event"]) disable(id, version === 1);
    for (const id of ["forward", "last"]) disable(id, version === head);
    showPressed("pin", pin === version, "Pinned", "Pin");
    showPressed("skip-event", skipped, "Restore", "Skip this event");
    setAttribute(
      byId("skip-event"),
      "title",
      version === 1 ? "The first event can’t be skipped" : "What if this event had not happened?",
    );
    if (this.#playing && version === head) this.#toggle();
  }

  /** @param {Omit<KeyboardEvent, "target"> & { target: any }} event */
  #key(event) {
    const { target, key } = event;
    const onSlider = target === byId("slider");
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!onSlider && target.closest("input:not(#shortcuts), textarea, select, dialog")) return;
    const page = this.#page;
    /** @type {Record<string, () => void>} */
    const moves = {
      ArrowLeft: () => page.step(-1),
      ArrowRight: () => page.step(1),
      Home: () => page.go(1),
      End: () => page.go(this.#head),
    };
    /** @type {Record<string, () => void>} */
    const shortcuts = { p: () => page.pin(page.version), x: () => page.toggleSkip(page.version) };
    // A focused button handles the space bar itself.
    if (!target.closest("button, a, summary, #shortcuts")) shortcuts[" "] = () => this.#toggle();
    // The slider handles arrows, Home and End itself.
    const act =
      (!onSlider && moves[key]) || (byId("shortcuts").checked && shortcuts[key.toLowerCase()]);
    if (act) {
      event.preventDefault();
      act();
    } else if (key === "Escape" && page.state.why) page.explain(null);
  }

  #faster() {
    this.#speed = (this.#speed + 1) % SPEEDS.length;
    setText(byId("speed"), `${SPEEDS[this.#speed]}×`);
    byId("speed").ariaLabel = `Speed ${SPEEDS[this.#speed]}×`;
  }

  #toggle() {
    const playing = !this.#playing;
    byId("play").ariaPressed = String(playing);
    byId("play").title = playing ? "Pause" : "Play";
    cancelAnimationFrame(this.#playing);
    this.#playing = 0;
    if (!playing) return;
    if (this.#page.version === this.#head) this.#page.go(1);
    let due = 0;
    let then = performance.now();
    /** @param {number} now */
    const tick = (now) => {
      due += (Math.min(now - then, LONGEST_FRAME_MS) / 1000) * PACE * SPEEDS[this.#speed];
      then = now;
      const steps = Math.floor(due);
      due -= steps;
      if (steps) this.#page.step(steps);
      this.#playing = requestAnimationFrame(tick);
    };
    this.#playing = requestAnimationFrame(tick);
  }
}

/**
 * @param {string} id
 * @param {boolean} pressed
 * @param {string} yes
 * @param {string} no
 */
function showPressed(id, pressed, yes, no) {
  setAttribute(byId(id), "aria-pressed", String(pressed));
  setText(byId(id).children[1], pressed ? yes : no);
}

/**
 * A version's number as a button that goes there.
 * @param {CartHistory} page
 * @param {number} version
 * @param {string} [testid]
 */
export const stepLink = (page, version, testid) =>
  element(
    "button",
    {
      class: "step-link",
      type: "button",
      "aria-label": `Go to version ${version}`,
      testid,
      on: { click: () => page.go(version) },
    },
    `#${version}`,
  );
