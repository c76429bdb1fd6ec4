/**
 * The events in time: tiles around the cursor, and beneath them the whole history with the slider.
 * Only tiles in sight are in the document, some forty in a history of ten thousand events, and the
 * canvas is drawn anew only when what it shows changes: a step costs the same in any history.
 */

import { byId, element, fromTemplate, setAttribute, setText } from "../page/element.js";
import { money, duration, timeOfDay } from "../page/format.js";
import { kindOf, markOf, unitsOf } from "../page/event_types.js";

/** Tiles beyond each edge, so that the band may move before they are renewed. */
const MARGIN = 3;
/** A pause between two events that is worth a word. */
const PAUSE_MS = 60_000;

export class Timeline {
  #root = byId("timeline");
  #band = element("div", { class: "band" });
  #tiles = new Map();
  #spare = [];
  #width = 0;
  #pitch = 44;
  #tileWidth = 38;
  /** How the tiles are spread now: a change of it places all of them anew. */
  #spread = "";
  #moment = null;

  constructor(page, eventList) {
    this.eventList = eventList;
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
    // At once, so that the first tiles come where they stay.
    this.#measure();
    new ResizeObserver(() => {
      this.#measure();
      if (this.#moment) this.show(this.#moment);
    }).observe(this.#root);
  }

  #measure() {
    this.#width = this.#root.clientWidth;
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.#pitch = rem * 2.75;
    this.#tileWidth = rem * 2.375;
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
    if (moment.reason) look.push(moment.reason.isHighlighted(version) ? "lit" : "dim");
    if (version > moment.version) look.push("future");
    if (version === moment.version) look.push("current");
    else if (command === moment.event.meta.command_id) look.push("sibling");
    if (version === moment.pin) look.push("pinned");
    if (moment.without.includes(version)) look.push("skipped");
    if (this.eventList.event(version - 1)?.meta.command_id === command) look.push("joined");
    const name = look.join(" ");
    if (tile.root.className !== name) tile.root.className = name;
  }

  #make() {
    // Not a tab stop each: the slider steps through them.
    const { root, parts } = fromTemplate("tile");
    this.#band.append(root);
    return { root, ...parts, event: null };
  }

  #fill(tile, version) {
    const event = this.eventList.event(version);
    const before = this.eventList.event(version - 1);
    const pause = before ? new Date(event.recorded_at) - new Date(before.recorded_at) : 0;
    tile.event = event;
    tile.root.hidden = false;
    tile.root.dataset.version = version;
    tile.root.dataset.testid = `event-${version}`;
    tile.root.title = `${event.sentence} (${timeOfDay(event.recorded_at)})`;
    setText(tile.mark, markOf(event));
    setText(tile.number, String(version));
    tile.pause.hidden = pause < PAUSE_MS;
    setText(tile.pause, tile.pause.hidden ? "" : duration(pause));
    // Words that are only heard are an attribute: as text they would be laid out and painted.
    tile.root.ariaLabel = `${tile.root.textContent.trim()} ${event.sentence}`;
    tile.root.style.transform = `translateX(${this.#x(version)}px)`;
  }
}

/** Half of the slider's handle, in CSS pixels: where its middle is at either end. */
const INSET = 12;

/** Where an event is on a slider of `width`: the middle of the handle at its version. */
export function placeOf(version, head, width) {
  return INSET + (head > 1 ? ((version - 1) / (head - 1)) * (width - 2 * INSET) : 0);
}

const KINDS = ["opened", "added", "removed", "promotion", "closed", "other"];

export class Scrubber {
  #eventList;
  #canvas = byId("scrubber-canvas");
  #slider = byId("slider");
  #veil = byId("scrubber-veil");
  #pin = byId("scrubber-pin");
  #probe = element("span", { hidden: true });
  #size = { width: 0, height: 0 };
  #drawn = "";
  #moment = null;

  constructor(page, eventList) {
    this.#eventList = eventList;
    byId("scrubber").append(this.#probe);
    this.#slider.addEventListener("input", () => page.go(Number(this.#slider.value)));
    new ResizeObserver(([entry]) => {
      this.#size = entry.contentRect;
      this.#again();
    }).observe(byId("scrubber"));
    addEventListener("themechange", () => this.#again());
  }

  #again() {
    this.#drawn = "";
    if (!this.#moment) return;
    this.show(this.#moment);
    this.paint(this.#moment);
  }

  show(moment) {
    this.#moment = moment;
    const { version, head, event, state, pin } = moment;
    const { currency } = this.#eventList;
    setAttribute(this.#slider, "max", head);
    if (Number(this.#slider.value) !== version) this.#slider.value = version;
    setAttribute(this.#slider, "aria-valuetext", `Version ${version}: ${event.sentence}. Total ${money(state.total, currency)}`);
    this.#veil.style.transform = `translateX(${this.#x(version, head)}px)`;
    this.#pin.hidden = !pin;
    if (pin) this.#pin.style.transform = `translateX(${this.#x(pin, head)}px)`;
  }

  /** Draws the canvas, if what it shows has changed. It reads all events: once the cursor rests. */
  paint(moment) {
    const { head, state, why, without, reason } = moment;
    // A promotion is lit while it is in force, which depends on the cursor; units do not.
    const lit = reason ? `${why} ${reason.field === "total" || reason.field === "discount" ? state.promotion_version : ""}` : "";
    const key = `${head} ${lit} ${without} ${this.#size.width}`;
    if (key === this.#drawn || !this.#size.width) return;
    this.#drawn = key;
    this.#draw(moment);
  }

  #x(version, head) {
    return placeOf(version, head, this.#size.width);
  }

  #draw(moment) {
    const { width, height } = this.#size;
    const { head, reason, without } = moment;
    const scale = Math.min(devicePixelRatio || 1, 2);
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    const pen = this.#canvas.getContext("2d");
    pen.scale(scale, scale);
    const colours = this.#colours();
    // Lit is asked of the whole history, not of the cursor's past: the veil covers what is to come.
    const everything = reason && { ...reason, isHighlighted: highlightedEverywhere(moment) };
    const step = (width - 2 * INSET) / Math.max(head - 1, 1);
    const bar = Math.max(Math.min(step * 0.7, 10), 1);
    const columns = new Map();
    for (let version = 1; version <= head; version += 1) {
      const event = this.#eventList.event(version);
      const column = Math.round(this.#x(version, head) / Math.max(bar, 1));
      const lit = !everything || everything.isHighlighted(version);
      const kind = without.includes(version) ? "skipped" : kindOf(event);
      const place = `${column} ${kind} ${lit}`;
      const found = columns.get(place);
      if (found) found.units += Math.abs(unitsOf(event));
      else columns.set(place, { x: this.#x(version, head), kind, lit, units: Math.abs(unitsOf(event)), down: unitsOf(event) < 0 });
    }
    const bars = [...columns.values()].sort((a, b) => a.lit - b.lit);
    const most = Math.max(...bars.map((it) => it.units), 1);
    const middle = height / 2;
    pen.fillStyle = colours.opened;
    pen.globalAlpha = 0.25;
    pen.fillRect(INSET, middle - 0.5, width - 2 * INSET, 1);
    for (const { x, kind, lit, units, down } of bars) {
      pen.globalAlpha = lit ? 1 : 0.16;
      pen.fillStyle = colours[kind];
      const tall = units ? Math.max(Math.sqrt(units / most) * (middle - 4), 3) : 5;
      if (units) pen.fillRect(x - bar / 2, down ? middle + 1 : middle - 1 - tall, bar, tall);
      else pen.fillRect(x - Math.max(bar, 2) / 2, middle - tall, Math.max(bar, 2), tall * 2);
    }
  }

  /** The colours as the browser resolves them now: a canvas knows no custom properties. */
  #colours() {
    const colours = {};
    for (const kind of [...KINDS, "skipped"]) {
      this.#probe.className = `kind-${kind}`;
      colours[kind] = getComputedStyle(this.#probe).color;
    }
    return colours;
  }
}

function highlightedEverywhere({ eventList, reason, state, without }) {
  return (version) => {
    if (without.includes(version)) return false;
    const event = eventList.event(version);
    if (version === state.promotion_version) return reason.isHighlighted(version);
    return unitsOf(event) !== 0 && reason.field !== "discount" && (!reason.sku || event.data.sku === reason.sku);
  };
}
