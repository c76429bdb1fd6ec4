/**
 * The timeline: event tiles around the selected version, and below them the scrubber over the whole
 * history. Only visible tiles are in the document, and the canvas is painted only when its content
 * changes: a step costs the same in a history of 10,000 events.
 */

import { byId, element, fromTemplate, setAttribute, setText } from "../page/element.js";
import { money, duration, timeOfDay } from "../page/format.js";
import { kindOf, markOf, unitsOf } from "../page/event_types.js";

/**
 * @import { CartHistory } from "./cart_history.js"
 * @import { Moment } from "./moment.js"
 * @import { EventList } from "./event_list.js"
 */

/** Tiles beyond each edge, so that the band can move before they are replaced. */
const MARGIN = 3;
/** A pause between two events that is shown. */
const PAUSE_MS = 60_000;

/**
 * @typedef {{ root: HTMLElement, event: Api.Event | null } & PageTemplates["tile"]} Tile
 * @typedef {{ x: number, kind: string, lit: boolean, units: number, down: boolean }} Bar
 */

export class Timeline {
  #root = byId("timeline");
  #band = element("div", { class: "band" });
  /** @type {Map<number, Tile>} */
  #tiles = new Map();
  /** @type {Tile[]} */
  #spare = [];
  #width = 0;
  #pitch = 44;
  #tileWidth = 38;
  /** The current spacing; a change of it places all tiles again. */
  #spread = "";
  /** @type {Moment | null} */
  #moment = null;

  /**
   * @param {CartHistory} page
   * @param {EventList} eventList
   */
  constructor(page, eventList) {
    this.eventList = eventList;
    this.#root.replaceChildren(this.#band);
    this.#band.addEventListener("click", (event) => {
      /** @type {any} */
      const { target } = event;
      const tile = target.closest(".tile");
      if (!tile) return;
      const version = Number(tile.dataset.version);
      if (event.shiftKey) page.pin(version);
      else page.go(version);
      // The slider handles the keyboard.
      byId("slider").focus({ preventScroll: true });
    });
    // Measured at once, so that the first tiles do not move.
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

  /** @param {Moment} moment */
  show(moment) {
    this.#moment = moment;
    const { version, head } = moment;
    this.#arrange(head);
    const length = this.#sparse ? 0 : head * this.#pitch;
    const middle = (version - 0.5) * this.#pitch - this.#width / 2;
    const offset = length <= this.#width ? 0 : Math.min(Math.max(middle, 0), length - this.#width);
    const first = this.#sparse ? 1 : Math.max(Math.floor(offset / this.#pitch) + 1 - MARGIN, 1);
    const last = this.#sparse
      ? head
      : Math.min(Math.ceil((offset + this.#width) / this.#pitch) + MARGIN, head);
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

  /**
   * Few events are placed above their position on the slider; many side by side.
   * @param {number} head
   */
  #arrange(head) {
    // The timeline is wider than the slider by half a tile less half a handle on either side.
    const slider = this.#width - this.#tileWidth + 24;
    this.#sparse = (head - 1) * this.#pitch + 24 <= slider;
    const step = this.#sparse && head > 1 ? (slider - 24) / (head - 1) : this.#pitch;
    const spread = `${this.#sparse} ${step}`;
    if (spread === this.#spread) return;
    this.#spread = spread;
    this.#band.style.setProperty("--gap", `${step - this.#tileWidth}px`);
    this.#x = this.#sparse
      ? (version) => placeOf(version, head, slider) - 12
      : (version) => (version - 1) * this.#pitch + (this.#pitch - this.#tileWidth) / 2;
    for (const [at, { root }] of this.#tiles) root.style.transform = `translateX(${this.#x(at)}px)`;
  }

  /** @type {(version: number) => number} */
  #x = () => 0;

  /**
   * @param {number} version
   * @param {Moment} moment
   */
  #showTile(version, moment) {
    let tile = this.#tiles.get(version);
    if (!tile) {
      tile = this.#spare.pop() ?? this.#make();
      this.#tiles.set(version, tile);
      this.#fill(tile, version);
    }
    const event = this.eventList.event(version);
    const command = event.meta.command_id;
    const look = ["tile", `kind-${kindOf(event)}`];
    if (moment.reason) look.push(moment.reason.isHighlighted(version) ? "lit" : "dim");
    if (version > moment.version) look.push("future");
    if (version === moment.version) look.push("current");
    else if (command === moment.event.meta.command_id) look.push("sibling");
    if (version === moment.pin) look.push("pinned");
    if (moment.without.includes(version)) look.push("skipped");
    if (moment.supposed.versions.has(version)) look.push("supposed");
    if (this.eventList.refusals.some((refused) => refused.version === version))
      look.push("refused");
    if (version > 1 && this.eventList.event(version - 1).meta.command_id === command)
      look.push("joined");
    const name = look.join(" ");
    if (tile.root.className !== name) tile.root.className = name;
  }

  #make() {
    // Tiles are no tab stops: the slider steps through them.
    const { root, parts } = fromTemplate("tile");
    this.#band.append(root);
    return { root, ...parts, event: null };
  }

  /**
   * @param {Tile} tile
   * @param {number} version
   */
  #fill(tile, version) {
    const event = this.eventList.event(version);
    const before = version > 1 ? this.eventList.event(version - 1) : null;
    const pause = before ? Date.parse(event.recorded_at) - Date.parse(before.recorded_at) : 0;
    tile.event = event;
    tile.root.hidden = false;
    tile.root.dataset.version = String(version);
    tile.root.dataset.testid = `event-${version}`;
    tile.root.title = `${event.sentence} (${timeOfDay(event.recorded_at)})`;
    setText(tile.mark, markOf(event));
    tile.mark.classList.toggle("long", markOf(event).length > 3);
    setText(tile.number, String(version));
    tile.pause.hidden = pause < PAUSE_MS;
    setText(tile.pause, tile.pause.hidden ? "" : duration(pause));
    // An attribute costs no layout or paint, as hidden text would.
    tile.root.ariaLabel = `${tile.root.textContent?.trim()} ${event.sentence}`;
    tile.root.style.transform = `translateX(${this.#x(version)}px)`;
  }
}

/** Half of the slider's handle, in CSS pixels. */
const INSET = 12;

/**
 * The x of a version on a slider of `width`: the middle of its handle.
 * @param {number} version
 * @param {number} head
 * @param {number} width
 */
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
  /** @type {Moment | null} */
  #moment = null;

  /**
   * @param {CartHistory} page
   * @param {EventList} eventList
   */
  constructor(page, eventList) {
    this.#eventList = eventList;
    byId("scrubber").append(this.#probe);
    this.#slider.addEventListener("input", () => page.go(Number(this.#slider.value)));
    new ResizeObserver(([entry]) => {
      this.#size = entry.contentRect;
      this.#repaint();
    }).observe(byId("scrubber"));
    addEventListener("themechange", () => this.#repaint());
  }

  #repaint() {
    this.#drawn = "";
    if (!this.#moment) return;
    this.show(this.#moment);
    this.paint(this.#moment);
  }

  /** @param {Moment} moment */
  show(moment) {
    this.#moment = moment;
    const { version, head, event, state, pin } = moment;
    const { currency } = this.#eventList;
    setAttribute(this.#slider, "max", head);
    if (Number(this.#slider.value) !== version) this.#slider.value = String(version);
    setAttribute(
      this.#slider,
      "aria-valuetext",
      `Version ${version}: ${event.sentence}. Total ${money(state.total, currency)}`,
    );
    this.#veil.style.transform = `translateX(${this.#x(version, head)}px)`;
    this.#pin.hidden = !pin;
    if (pin) this.#pin.style.transform = `translateX(${this.#x(pin, head)}px)`;
  }

  /**
   * Paints the canvas if its content has changed. Reads all events, so only when scrubbing stops.
   * @param {Moment} moment
   */
  paint(moment) {
    const { head, why, variant } = moment;
    const key = `${head} ${why} ${variant} ${this.#size.width}`;
    if (key === this.#drawn || !this.#size.width) return;
    this.#drawn = key;
    this.#draw(moment);
  }

  /**
   * @param {number} version
   * @param {number} head
   */
  #x(version, head) {
    return placeOf(version, head, this.#size.width);
  }

  /** @param {Moment} moment */
  #draw(moment) {
    const { width, height } = this.#size;
    const { head, reason, without } = moment;
    const scale = Math.min(devicePixelRatio || 1, 2);
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    const pen = this.#canvas.getContext("2d");
    if (!pen) return;
    pen.scale(scale, scale);
    const colours = this.#colours();
    const step = (width - 2 * INSET) / Math.max(head - 1, 1);
    const bar = Math.max(Math.min(step * 0.7, 10), 1);
    /** @type {Map<string, Bar>} */
    const columns = new Map();
    for (let version = 1; version <= head; version += 1) {
      const event = this.#eventList.event(version);
      const column = Math.round(this.#x(version, head) / Math.max(bar, 1));
      // Highlights cover the whole history: the veil is drawn over later events.
      const lit = !reason || reason.isTerm(version);
      const kind = without.includes(version) ? "skipped" : kindOf(event);
      const place = `${column} ${kind} ${lit}`;
      const found = columns.get(place);
      if (found) found.units += Math.abs(unitsOf(event));
      else
        columns.set(place, {
          x: this.#x(version, head),
          kind,
          lit,
          units: Math.abs(unitsOf(event)),
          down: unitsOf(event) < 0,
        });
    }
    const bars = [...columns.values()].sort((a, b) => Number(a.lit) - Number(b.lit));
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

  /** The resolved colours: a canvas has no custom properties. */
  #colours() {
    /** @type {Record<string, string>} */
    const colours = {};
    for (const kind of [...KINDS, "skipped"]) {
      this.#probe.className = `kind-${kind}`;
      colours[kind] = getComputedStyle(this.#probe).color;
    }
    return colours;
  }
}
