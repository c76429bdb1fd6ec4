/**
 * What the page asks the service, and about which period. The period is in the address, so that
 * it can be sent; its days begin where the reader is.
 */

import { byId } from "../page/element.js";
import { get } from "../service/request.js";

const STEPS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
const PRESETS = { hour: STEPS.hour, day: STEPS.day, week: 7 * STEPS.day, month: 30 * STEPS.day };
const dayOf = new Intl.DateTimeFormat("en-IE", { dateStyle: "medium" });
const DATE = /^\d{4}-\d\d-\d\d$/;

/** Midnight of a day as the reader's clock has it, so many days later; `null` for no date. */
function midnight(date, later = 0) {
  if (!DATE.test(date ?? "")) return null;
  const [year, month, day] = date.split("-").map(Number);
  const at = new Date(year, month - 1, day + later);
  return Number.isNaN(at.getTime()) ? null : at;
}

export class Period {
  #changed;

  constructor(changed) {
    this.#changed = changed;
    for (const id of ["from", "to"]) byId(id).addEventListener("change", () => this.#go({ from: byId("from").value, to: byId("to").value }));
    for (const chip of byId("presets").children) chip.addEventListener("click", () => this.#go(chip.value ? { last: chip.value } : {}));
    addEventListener("popstate", () => this.read());
    byId("period").addEventListener("submit", (event) => event.preventDefault());
  }

  /** Reads the address and tells `{from, to}`, each a `Date` or `null`, and the words for it. */
  read() {
    const address = new URLSearchParams(location.search);
    const last = PRESETS[address.get("last")] ? address.get("last") : null;
    const [from, to] = ["from", "to"].map((name) => (last ? null : address.get(name)));
    byId("from").value = midnight(from) ? from : "";
    byId("to").value = midnight(to) ? to : "";
    const chosen = last ?? (byId("from").value || byId("to").value ? null : "");
    for (const chip of byId("presets").children) chip.setAttribute("aria-pressed", String(chip.value === chosen));
    const stretch = last ? { from: new Date(Date.now() - PRESETS[last]), to: null } : { from: midnight(from), to: midnight(to, 1) };
    const date = (at) => at && dayOf.format(at);
    const named = byId("presets").querySelector("[aria-pressed=true]")?.textContent;
    this.#changed(stretch, named ?? [date(stretch.from) ?? "First event", date(midnight(to)) ?? "now"].join(" to "));
  }

  #go(parts) {
    const address = new URLSearchParams(Object.entries(parts).filter(([, value]) => value));
    history.pushState(null, "", address.size ? `?${address}` : location.pathname);
    this.read();
  }
}

const MOST_PAGES = 5;

function query(parts) {
  const set = Object.entries(parts).filter(([, value]) => value !== null && value !== undefined);
  const text = new URLSearchParams(set.map(([name, value]) => [name, value instanceof Date ? value.toISOString() : value])).toString();
  return text && `?${text}`;
}

const ask = async (question, parts = {}) => (await get(`/api/insights/${question}${query(parts)}`)).body;

export const funnel = (period) => ask("funnel", period);
export const pairs = () => ask("pairs", { limit: 12 });
export const hesitated = async () => (await ask("hesitated", { limit: 10 })).items;
export const abandoned = () => ask("abandoned", { limit: 50 });

/** All products by their numbers, the most wanted first. */
export async function products() {
  const items = [];
  let cursor = null;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const { items: some, next } = await ask("products", { limit: 200, cursor });
    items.push(...some);
    cursor = next;
    if (!cursor) break;
  }
  return items.sort((one, other) => other.units_added - one.units_added);
}

/**
 * What happened in a period, in steps that are neither too many nor too few:
 * `{step, size, first, last, items}`, the times in milliseconds.
 */
export async function activity({ from, to }) {
  let step = from ? fitting((to ?? new Date()) - from) : "day";
  const read = async () => (await ask("activity", { step, from, to })).items;
  let items = await read();
  // How long the log is shows only in its steps: a finer look follows where it is short.
  const length = () => Date.parse(items.at(-1).at) - Date.parse(items[0].at) + STEPS[step];
  while (!from && items.length && fitting(length()) !== step && step !== "minute") {
    step = step === "day" ? "hour" : "minute";
    items = await read();
  }
  for (const item of items) item.at = Date.parse(item.at);
  return { step, size: STEPS[step], first: items[0]?.at, last: items.at(-1)?.at, items };
}

function fitting(ms) {
  if (ms <= 3 * STEPS.hour) return "minute";
  return ms <= 8 * STEPS.day ? "hour" : "day";
}
