/** The figure of what the node did over time, and the errors beside it. */

import { byId, setText } from "../page/element.js";
import { count, fullTime, timeOfDay } from "../page/format.js";
import { isShownByPage } from "../page/operator.js";
import { get } from "../service/request.js";
import { poll } from "../service/poll.js";
import { Figure, strips } from "../insights/figure.js";
import { loadFailures } from "./failures.js";
import { describeStorage } from "./storage.js";

/** As long as the shortest step. */
const POLL_MS = 10_000;

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {string} kind
 * @property {(step: Api.Measurement) => number | null} value
 * @property {boolean} [added] Whether the values of all steps are added up.
 */

/** @type {Row[]} */
const ROWS = [
  {
    name: "Events a second",
    kind: "added",
    value: ({ events, ...step }) => (events === null ? null : rounded(events / seconds(step), 1)),
  },
  {
    name: "Append p50, ms",
    kind: "opened",
    value: ({ append_p50_ms }) => append_p50_ms && rounded(append_p50_ms, 2),
  },
  {
    name: "Append p99, ms",
    kind: "opened",
    value: ({ append_p99_ms }) => append_p99_ms && rounded(append_p99_ms, 2),
  },
  { name: "View lag, ms", kind: "promotion", value: ({ lag_ms }) => lag_ms },
  { name: "Refused by a rule", kind: "removed", value: ({ refused }) => refused, added: true },
  { name: "Refused at a limit", kind: "removed", value: ({ shed }) => shed, added: true },
  { name: "Errors (5xx)", kind: "removed", value: ({ errors }) => errors, added: true },
];

/** @param {number} number @param {number} digits */
const rounded = (number, digits) => Number(number.toFixed(digits));

/** @param {{ from: string, to: string }} step */
const seconds = ({ from, to }) => Math.max(Date.parse(to) - Date.parse(from), 1) / 1000;

export class Measurements {
  #figure = new Figure("measurements");
  #period = "15m";
  #polling = poll(POLL_MS, () => this.#load());

  constructor() {
    const periods = /** @type {HTMLButtonElement[]} */ ([...byId("measured-periods").children]);
    for (const chosen of periods)
      chosen.addEventListener("click", () => {
        for (const button of periods) button.ariaPressed = String(button === chosen);
        this.#period = chosen.value;
        this.#polling.now();
      });
  }

  /** Resolves when the first measurements are shown. */
  watch() {
    return this.#polling.start();
  }

  stop() {
    this.#polling.stop();
  }

  async #load() {
    const period = this.#period;
    try {
      /** @type {{ body: Api.Measurements }} */
      const { body } = await get(`/api/measurements?period=${period}`);
      await loadFailures();
      setText(byId("measurements-refusal"), "");
      // Another period was chosen meanwhile.
      if (period === this.#period) this.#show(body);
    } catch (error) {
      if (!isShownByPage(error)) setText(byId("measurements-refusal"), error.message);
    }
    if (period !== this.#period) await this.#load();
  }

  /** @param {Api.Measurements} measurements */
  #show(measurements) {
    const { node, steps, step_seconds, period_seconds, since } = measurements;
    setText(byId("node"), describeNode(measurements));
    setText(byId("storage"), describeStorage(measurements));
    const step = step_seconds * 1000;
    const end = Date.parse(steps.at(-1)?.to ?? since);
    const first = end - period_seconds * 1000;
    const shown = steps.filter(({ from }) => Date.parse(from) >= first);
    const rows = ROWS.map(({ name, kind, value, added }) => {
      const points = shown.flatMap((step) => {
        const number = value(step);
        return number === null ? [] : [{ at: Date.parse(step.from), value: number }];
      });
      const total = added
        ? points.reduce((sum, point) => sum + point.value, 0)
        : (points.at(-1)?.value ?? 0);
      return { name, kind, points, total };
    });
    const gaps = gapsOf(shown, first, end, step);
    /** @param {number} at */
    const when = (at) => timeOfDay(new Date(at).toISOString());
    const length = step < 60_000 ? `${step_seconds} seconds` : `${step_seconds / 60} minutes`;
    const without = missing(since, first, gaps.length);
    this.#figure.show({
      words:
        `What ${node} did, in steps of ${length}. ${without}` +
        "Each row has its own scale, peak at right.",
      draw: (width) => strips(width, rows, { first, last: end - step, step, gaps }, when),
      head: ["From", ...ROWS.map(({ name }) => `#${name}`)],
      rows: shown
        .map((step) => [fullTime(step.from), ...ROWS.map(({ value }) => value(step) ?? "–")])
        .reverse(),
    });
  }
}

/**
 * @param {Api.Measurements} measurements
 * @returns {string}
 */
function describeNode({ version, since, open_streams }) {
  return `cartlog ${version}, started ${fullTime(since)}; ${count(open_streams, "live stream")}`;
}

/**
 * The times that were not measured.
 * @param {Api.Measurement[]} steps
 * @param {number} first
 * @param {number} end
 * @param {number} step
 */
function gapsOf(steps, first, end, step) {
  const times = [
    ...steps.map(({ from, to }) => ({ from: Date.parse(from), to: Date.parse(to) })),
    { from: end, to: end },
  ];
  let until = first;
  return times.flatMap(({ from, to }) => {
    const gap = { from: until, to: from };
    until = to;
    // A step begins where the one before ends, but the first one, which is cut off.
    return gap.to - gap.from > step ? [gap] : [];
  });
}

/**
 * @param {string} since
 * @param {number} first
 * @param {number} gaps
 */
function missing(since, first, gaps) {
  if (Date.parse(since) > first)
    return `Not measured before ${timeOfDay(since)}, when it started (shaded). `;
  return gaps ? "Shaded times were not measured. " : "";
}
