/** Moving through the history: buttons, play, and the keys. */

import { toast } from "../page/toast.js";
import { byId, element, icon, setAttribute, setText } from "../page/element.js";
import { copyText } from "./copies.js";
import { lettersWork } from "./keys.js";

const SPEEDS = [1, 5, 25, 125];
/** Events a second at speed 1. */
const PACE = 1.5;

export class Transport {
  #page;
  #buttons = {};
  #playing = 0;
  #speed = 0;
  #head = 1;

  constructor(page) {
    this.#page = page;
    this.#build();
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  show({ version, head, event, pin, without }) {
    this.#head = head;
    setText(byId("sentence"), `#${version} ${event.sentence}`);
    byId("sentence").classList.toggle("supposed", without.includes(version));
    const { first, back, forward, last, pinned, aside } = this.#buttons;
    // Kept focusable at the ends, so that a key held down does not throw the focus away.
    for (const button of [first, back]) setAttribute(button, "aria-disabled", version === 1 ? "true" : null);
    for (const button of [forward, last]) setAttribute(button, "aria-disabled", version === head ? "true" : null);
    setAttribute(pinned, "aria-pressed", String(pin === version));
    setText(pinned.lastChild, pin === version ? "Pinned" : "Pin");
    setAttribute(aside, "aria-pressed", String(without.includes(version)));
    setText(aside.lastChild, without.includes(version) ? "Put back" : "Set aside");
    setAttribute(aside, "aria-disabled", version === 1 ? "true" : null);
    aside.title = version === 1 ? "The opening cannot be set aside: without it there is no cart" : "What if this had not happened?";
    if (this.#playing && version === head) this.#stop();
  }

  #build() {
    const page = this.#page;
    const button = (name, words, picture, act, testid, shown = false) => {
      const made = element("button", { class: shown ? "button small" : "button quiet icon", type: "button", title: words, data: { testid } }, picture, shown ? element("span", { class: "button-word" }, words) : null);
      if (!shown) made.setAttribute("aria-label", words);
      made.addEventListener("click", () => made.getAttribute("aria-disabled") !== "true" && act());
      this.#buttons[name] = made;
      return made;
    };
    const speed = element("button", { class: "button quiet small speed", type: "button", "aria-label": "Speed 1 times", data: { testid: "speed" } }, "1×");
    speed.addEventListener("click", () => {
      this.#speed = (this.#speed + 1) % SPEEDS.length;
      setText(speed, `${SPEEDS[this.#speed]}×`);
      speed.setAttribute("aria-label", `Speed ${SPEEDS[this.#speed]} times`);
    });
    byId("moves").append(
      button("first", "To the first event", icon("M6 5v14M19 5l-9 7 9 7z"), () => page.go(1), "first"),
      button("back", "One event back", icon("M15 5l-8 7 8 7"), () => page.step(-1), "back"),
      button("play", "Play", icon("M8 5l11 7-11 7z"), () => this.#toggle(), "play"),
      button("forward", "One event forward", icon("M9 5l8 7-8 7"), () => page.step(1), "forward"),
      button("last", "To the newest event", icon("M18 5v14M5 5l9 7-9 7z"), () => page.go(this.#head), "last"),
      speed,
    );
    byId("acts").append(
      button("pinned", "Pin", icon("M9 4h6l-1 6 3 3H7l3-3zM12 13v7"), () => page.pin(page.version), "pin", true),
      button("aside", "Set aside", icon("M12 4v7M6 14a6 6 0 0 0 12 0", "M4 4l16 16"), () => page.toggleAside(page.version), "set-aside", true),
      button("link", "Copy link", icon("M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-6-6l-1.4 1.4", "M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 6 6l1.400-1.400"), () => copyText(page.address).then((done) => done && toast("Link to this moment copied")), "copy-link", true),
    );
    // A button is pressed or not, nothing else; its name says what pressing does next.
    this.#buttons.play.setAttribute("aria-pressed", "false");
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target, key } = event;
    const onSlider = target === byId("slider");
    if (!onSlider && target.closest("input, textarea, select, dialog, [contenteditable]")) return;
    // The slider moves by itself with arrows, Home and End; lists that scroll keep Home and End.
    if (!onSlider) {
      const moves = { ArrowLeft: () => this.#page.step(-1), ArrowRight: () => this.#page.step(1), Home: () => this.#page.go(1), End: () => this.#page.go(this.#head) };
      if (moves[key]) {
        moves[key]();
        event.preventDefault();
        return;
      }
    }
    if (key === "Escape" && this.#page.state.why) this.#page.explain(null);
    if (!lettersWork()) return;
    if (key === "p" || key === "P") this.#page.pin(this.#page.version);
    else if ((key === "x" || key === "X") && this.#page.version > 1) this.#page.toggleAside(this.#page.version);
    else if (key === " " && !target.closest("button, a, summary")) {
      event.preventDefault();
      this.#toggle();
    }
  }

  #toggle() {
    if (this.#playing) this.#stop();
    else this.#start();
  }

  #start() {
    if (this.#page.version === this.#head) this.#page.go(1);
    this.#showPlaying(true);
    let due = 0;
    let then = performance.now();
    const tick = (now) => {
      due += ((now - then) / 1000) * PACE * SPEEDS[this.#speed];
      then = now;
      const steps = Math.floor(due);
      due -= steps;
      if (steps) this.#page.step(steps);
      if (this.#playing) this.#playing = requestAnimationFrame(tick);
    };
    this.#playing = requestAnimationFrame(tick);
  }

  #stop() {
    cancelAnimationFrame(this.#playing);
    this.#playing = 0;
    this.#showPlaying(false);
  }

  #showPlaying(playing) {
    const { play } = this.#buttons;
    play.setAttribute("aria-pressed", String(playing));
    play.replaceChildren(playing ? icon("M8 5v14M16 5v14") : icon("M8 5l11 7-11 7z"));
    play.title = playing ? "Pause" : "Play";
  }
}
