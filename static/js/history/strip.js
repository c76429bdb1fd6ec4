/**
 * The whole history at a glance, and the slider over it. What was put in stands above the middle,
 * what was taken out below. The canvas is drawn anew only when what it shows changes: a step of
 * the cursor moves a veil over it.
 */

import { byId, element, setAttribute } from "../page/element.js";
import { money } from "../page/money.js";
import { kindOf, unitsOf } from "./kinds.js";

/** Half of the slider's handle, in CSS pixels: where its middle stands at either end. */
const INSET = 12;

/** Where an event stands on a slider of `width`: the middle of the handle at its version. */
export function placeOf(version, head, width) {
  return INSET + (head > 1 ? ((version - 1) / (head - 1)) * (width - 2 * INSET) : 0);
}

const KINDS = ["opened", "added", "removed", "promotion", "closed", "other"];

export class Strip {
  #chronicle;
  #canvas = byId("strip-canvas");
  #slider = byId("slider");
  #veil = byId("strip-veil");
  #pin = byId("strip-pin");
  #probe = element("span", { hidden: false, class: "probe" });
  #size = { width: 0, height: 0 };
  #drawn = "";
  #moment = null;

  constructor(page, chronicle) {
    this.#chronicle = chronicle;
    byId("strip").append(this.#probe);
    this.#slider.addEventListener("input", () => page.go(Number(this.#slider.value)));
    new ResizeObserver(([entry]) => {
      this.#size = entry.contentRect;
      this.#again();
    }).observe(byId("strip"));
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
    const { currency } = this.#chronicle;
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
    const everything = reason && { ...reason, isLit: litEverywhere(moment) };
    const step = (width - 2 * INSET) / Math.max(head - 1, 1);
    const bar = Math.max(Math.min(step * 0.7, 10), 1);
    const columns = new Map();
    for (let version = 1; version <= head; version += 1) {
      const event = this.#chronicle.event(version);
      const column = Math.round(this.#x(version, head) / Math.max(bar, 1));
      const lit = !everything || everything.isLit(version);
      const kind = without.includes(version) ? "aside" : kindOf(event);
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
    for (const kind of [...KINDS, "aside"]) {
      this.#probe.className = `probe kind-${kind}`;
      colours[kind] = getComputedStyle(this.#probe).color;
    }
    return colours;
  }
}

function litEverywhere({ chronicle, reason, state }) {
  return (version) => {
    const event = chronicle.event(version);
    if (version === state.promotion_version) return reason.isLit(version);
    return unitsOf(event) !== 0 && reason.field !== "discount" && (!reason.sku || event.data.sku === reason.sku);
  };
}
