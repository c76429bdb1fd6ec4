/**
 * The page's queries and their period. The period is in the URL, so that it can be shared; its days
 * are in the reader's time zone.
 */

import { byId } from "../page/element.js";
import { get } from "../service/request.js";

/** @typedef {{ from: Date | null, to: Date | null }} Range */

const STEPS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
/** @type {Record<string, number>} */
const PRESETS = { hour: STEPS.hour, day: STEPS.day, week: 7 * STEPS.day, month: 30 * STEPS.day };
const dayOf = new Intl.DateTimeFormat("en-IE", { dateStyle: "medium" });
const DATE = /^\d{4}-\d\d-\d\d$/;

/**
 * Local midnight of a date, plus `later` days; `null` without a date.
 * @param {string | null} date
 * @param {number} [later]
 */
function midnight(date, later = 0) {
  if (!date || !DATE.test(date)) return null;
  const [year, month, day] = date.split("-").map(Number);
  const at = new Date(year, month - 1, day + later);
  return Number.isNaN(at.getTime()) ? null : at;
}

export class Period {
  #changed;

  /** @param {(range: Range, name: string, isRefresh: boolean) => void} changed */
  constructor(changed) {
    this.#changed = changed;
    for (const id of ["from", "to"])
      byId(id).addEventListener("change", () =>
        this.#go({ from: byId("from").value, to: byId("to").value }),
      );
    for (const chip of byId("presets").children)
      chip.addEventListener("click", () => this.#go({ last: chip.getAttribute("value") ?? "" }));
    addEventListener("popstate", () => this.read());
    byId("period").addEventListener("submit", (event) => event.preventDefault());
  }

  /**
   * Reads the URL and reports the range and its name.
   * @param {boolean} [isRefresh] Whether the reader chose nothing: a period may end now.
   */
  read(isRefresh = false) {
    const address = new URLSearchParams(location.search);
    const preset = address.get("last") ?? "";
    const length = PRESETS[preset];
    const last = length ? preset : null;
    const [from = null, to = null] = ["from", "to"].map((name) =>
      last ? null : address.get(name),
    );
    byId("from").value = (midnight(from) && from) || "";
    byId("to").value = (midnight(to) && to) || "";
    const chosen = last ?? (byId("from").value || byId("to").value ? null : "");
    for (const chip of byId("presets").children)
      chip.setAttribute("aria-pressed", String(chip.getAttribute("value") === chosen));
    const range = length
      ? { from: new Date(Date.now() - length), to: null }
      : { from: midnight(from), to: midnight(to, 1) };
    /** @param {Date | null} at */
    const date = (at) => at && dayOf.format(at);
    const named = byId("presets").querySelector("[aria-pressed=true]")?.textContent;
    this.#changed(
      range,
      named ?? [date(range.from) ?? "First event", date(midnight(to)) ?? "now"].join(" to "),
      isRefresh,
    );
  }

  /** @param {Record<string, string>} parts */
  #go(parts) {
    const address = new URLSearchParams(Object.entries(parts).filter(([, value]) => value));
    history.pushState(null, "", address.size ? `?${address}` : location.pathname);
    this.read();
  }
}

const MAX_PAGES = 5;

/** @param {Record<string, unknown>} parts */
function query(parts) {
  const given = Object.entries(parts).filter(([, value]) => value !== null && value !== undefined);
  const text = new URLSearchParams(
    given.map(([name, value]) => [
      name,
      value instanceof Date ? value.toISOString() : String(value),
    ]),
  ).toString();
  return text && `?${text}`;
}

/**
 * @param {string} name
 * @param {Record<string, unknown>} [parts]
 */
const ask = async (name, parts = {}) => (await get(`/api/insights/${name}${query(parts)}`)).body;

/**
 * The funnel, and the position in the log up to which its view has it.
 * @param {Range} period
 * @returns {Promise<{ numbers: Api.Funnel, position: number }>}
 */
export async function funnel(period) {
  const { body, headers } = await get(`/api/insights/funnel${query({ ...period })}`);
  return { numbers: body, position: Number(headers.get("Log-Position")) };
}
/** @returns {Promise<Api.Pairs>} */
export const pairs = () => ask("pairs", { limit: 12 });
/** @returns {Promise<Api.ProductNumbers[]>} */
export const hesitated = async () => (await ask("hesitated", { limit: 10 })).items;
/** @returns {Promise<Api.AbandonedPage>} */
export const abandoned = () => ask("abandoned", { limit: 50 });

/** All products with their numbers, most added first. */
export async function products() {
  /** @type {Api.ProductNumbers[]} */
  const items = [];
  /** @type {string | null} */
  let cursor = null;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    /** @type {Api.ProductNumbersPage} */
    const { items: some, next } = await ask("products", { limit: 200, cursor });
    items.push(...some);
    cursor = next;
    if (!cursor) break;
  }
  return items.sort((one, other) => other.units_added - one.units_added);
}

/**
 * @typedef {"minute" | "hour" | "day"} Step
 * @typedef {object} Activity
 * @property {Step} step
 * @property {number} size The length of a step, in milliseconds.
 * @property {number | undefined} first
 * @property {number | undefined} last
 * @property {{ at: number, events: Record<string, number> }[]} items
 */

/**
 * The activity in a period, in steps that fit its length. Times are in milliseconds.
 * @param {Range} period
 * @returns {Promise<Activity>}
 */
export async function activity({ from, to }) {
  /** @type {Step} */
  let step = from ? fitting((to ?? new Date()).getTime() - from.getTime()) : "day";
  /** @returns {Promise<{ at: string, events: Record<string, number> }[]>} */
  const read = async () => (await ask("activity", { step, from, to })).items;
  let items = await read();
  // The steps show how long the log is: a short one is loaded again in finer steps.
  const length = () =>
    Date.parse(items.at(-1)?.at ?? "") - Date.parse(items[0]?.at ?? "") + STEPS[step];
  while (!from && items.length && fitting(length()) !== step && step !== "minute") {
    step = step === "day" ? "hour" : "minute";
    items = await read();
  }
  const timed = items.map((item) => ({ ...item, at: Date.parse(item.at) }));
  return { step, size: STEPS[step], first: timed[0]?.at, last: timed.at(-1)?.at, items: timed };
}

/** @param {number} ms @returns {Step} */
function fitting(ms) {
  if (ms <= 3 * STEPS.hour) return "minute";
  return ms <= 8 * STEPS.day ? "hour" : "day";
}
