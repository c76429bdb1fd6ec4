/**
 * The events around the cursor as tiles. Only those in sight are in the document: a history of
 * ten thousand events has some forty tiles, and a step moves the band and renews one of them.
 */

import { byId, element } from "../page/element.js";
import { span, timeOfDay } from "../page/moments.js";
import { kindOf, markOf } from "./kinds.js";
import { placeOf } from "./strip.js";

/** Tiles beyond each edge, so that the band may move before they are renewed. */
const MARGIN = 3;
/** A pause between two events that is worth a word. */
const PAUSE_MS = 60_000;

export class Ribbon {
  #root = byId("ribbon");
  #band = element("div", { class: "band" });
  #tiles = new Map();
  #spare = [];
  #width = 0;
  #pitch = 44;
  #tileWidth = 38;
  /** How the tiles are spread now: a change of it places all of them anew. */
  #spread = "";
  #moment = null;

  constructor(page, chronicle) {
    this.chronicle = chronicle;
    this.#root.replaceChildren(this.#band);
    this.#band.addEventListener("click", (event) => {
      const tile = event.target.closest(".tile");
      if (!tile) return;
      const version = Number(tile.dataset.version);
      if (event.shiftKey) page.pin(version);
      else page.go(version);
      // The slider is the keyboard's way through the events.
      byId("slider").focus({ preventScroll: true });
    });
    new ResizeObserver(([entry]) => {
      this.#width = entry.contentRect.width;
      const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
      this.#pitch = rem * 2.75;
      this.#tileWidth = rem * 2.375;
      if (this.#moment) this.show(this.#moment);
    }).observe(this.#root);
  }

  show(moment) {
    this.#moment = moment;
    const { version, head } = moment;
    this.#arrange(head);
    const length = this.#sparse ? 0 : head * this.#pitch;
    const middle = (version - 0.5) * this.#pitch - this.#width / 2;
    const offset = length <= this.#width ? 0 : Math.min(Math.max(middle, 0), length - this.#width);
    const first = this.#sparse ? 1 : Math.max(Math.floor(offset / this.#pitch) + 1 - MARGIN, 1);
    const last = this.#sparse ? head : Math.min(Math.ceil((offset + this.#width) / this.#pitch) + MARGIN, head);
    for (const [at, tile] of this.#tiles) {
      if (at >= first && at <= last) continue;
      this.#tiles.delete(at);
      this.#spare.push(tile);
    }
    for (let at = first; at <= last; at += 1) this.#showTile(at, moment);
    for (const tile of this.#spare) tile.root.hidden = true;
    this.#band.style.transform = `translateX(${-offset}px)`;
  }

  #sparse = true;

  /** A few events stand right above their place on the slider; many stand side by side. */
  #arrange(head) {
    // The ribbon reaches half a tile less half a handle beyond the slider on either side.
    const slider = this.#width - this.#tileWidth + 24;
    this.#sparse = (head - 1) * this.#pitch + 24 <= slider;
    const step = this.#sparse && head > 1 ? (slider - 24) / (head - 1) : this.#pitch;
    const spread = `${this.#sparse} ${step}`;
    if (spread === this.#spread) return;
    this.#spread = spread;
    this.#band.style.setProperty("--gap", `${step - this.#tileWidth}px`);
    this.#x = this.#sparse ? (version) => placeOf(version, head, slider) - 12 : (version) => (version - 1) * this.#pitch + (this.#pitch - this.#tileWidth) / 2;
    for (const [at, { root }] of this.#tiles) root.style.transform = `translateX(${this.#x(at)}px)`;
  }

  #x = () => 0;

  #showTile(version, moment) {
    let tile = this.#tiles.get(version);
    if (!tile) {
      tile = this.#spare.pop() ?? this.#make();
      this.#tiles.set(version, tile);
      this.#fill(tile, version);
    }
    const { event } = tile;
    const command = event.meta.command_id;
    const look = ["tile", `kind-${kindOf(event)}`];
    if (moment.reason) look.push(moment.reason.isLit(version) ? "lit" : "dim");
    if (version > moment.version) look.push("future");
    if (version === moment.version) look.push("current");
    else if (command === moment.event.meta.command_id) look.push("sibling");
    if (version === moment.pin) look.push("pinned");
    if (moment.without.includes(version)) look.push("aside");
    if (this.chronicle.event(version - 1)?.meta.command_id === command) look.push("joined");
    const name = look.join(" ");
    if (tile.root.className !== name) tile.root.className = name;
  }

  #make() {
    const mark = element("span", { class: "tile-mark" });
    const number = element("span", { class: "tile-number" });
    const pause = element("span", { class: "tile-pause" });
    // Not a tab stop each: the slider steps through them.
    const words = element("span", { class: "unseen" });
    const root = element("button", { type: "button", tabIndex: -1 }, pause, mark, " ", number, " ", words);
    this.#band.append(root);
    return { root, mark, number, pause, words, event: null };
  }

  #fill(tile, version) {
    const event = this.chronicle.event(version);
    const before = this.chronicle.event(version - 1);
    const pause = before ? new Date(event.recorded_at) - new Date(before.recorded_at) : 0;
    tile.event = event;
    tile.root.hidden = false;
    tile.root.dataset.version = version;
    tile.root.dataset.testid = `event-${version}`;
    tile.root.title = `${event.sentence} (${timeOfDay(event.recorded_at)})`;
    tile.words.textContent = event.sentence;
    tile.mark.textContent = markOf(event);
    tile.number.textContent = version;
    tile.pause.textContent = pause >= PAUSE_MS ? span(pause) : "";
    tile.root.style.transform = `translateX(${this.#x(version)}px)`;
  }
}
