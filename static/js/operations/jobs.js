/** The two long-running jobs: rebuilding the views, and verifying log and views. */

import { byId, disable, element, onPress, setText } from "../page/element.js";
import { announce } from "../page/notices.js";
import { isShownByPage } from "../page/operator.js";
import { between, fullTime } from "../page/format.js";
import { get, isTemporary, Problem, request } from "../service/request.js";
import { poll } from "../service/poll.js";
import { JobHistory } from "./job_history.js";

/** Polling intervals: of a running job, and of an idle one, which another operator may start. */
const RUNNING_MS = 250;
const RESTING_MS = 2000;
const SHOWN = 50;

/**
 * @typedef {object} Description
 * @property {string} words
 * @property {[string, string][]} figures
 * @property {string[]} head
 * @property {[string, ...Cell[]][]} rows
 * @property {number} more How many rows there are in all.
 * @typedef {string | number | Node | null} Cell
 */

/**
 * @param {string} name
 * @returns {HTMLProgressElement}
 */
const progressBar = (name) => byId(name === "rebuild" ? "rebuild-bar" : "verify-bar");

class Job {
  #path;
  #describe;
  #bar;
  #words;
  #history;
  #shown = "";
  /** Whether the refusal shown ends once the service is back. */
  #refusedForNow = false;
  #watch = poll(RUNNING_MS, () => this.#load());
  #settle = poll(RESTING_MS, () => this.#load());

  /**
   * @param {"rebuild" | "verify"} name
   * @param {string} path
   * @param {(status: any) => Description} describe Describes the status of this job.
   */
  constructor(name, path, describe) {
    this.#path = path;
    this.#describe = describe;
    this.name = name;
    this.#bar = progressBar(name);
    this.#words = byId(`${name}-words`);
    this.#history = new JobHistory(name);
    onPress(`${name}-start`, () => this.#begin());
    onPress(`${name}-cancel`, () => this.#cancel());
  }

  watch() {
    this.#settle.start();
  }

  async #begin() {
    setText(byId(`${this.name}-refusal`), "");
    try {
      await request("POST", this.#path);
    } catch (error) {
      // A run that another operator started is shown as well.
      if (!(error instanceof Problem && error.slug === `${this.name}-running`)) {
        setText(byId(`${this.name}-refusal`), error.message);
        this.#refusedForNow = isTemporary(error);
        return;
      }
    }
    announce(`${this.name} started`);
    this.#watch.start();
  }

  async #cancel() {
    setText(byId(`${this.name}-refusal`), "");
    try {
      this.#show((await request("DELETE", this.#path)).body);
    } catch (error) {
      // It may have ended by itself.
      if (!(error instanceof Problem && error.slug === "not-cancelled"))
        setText(byId(`${this.name}-refusal`), error.message);
    }
  }

  async #load() {
    try {
      this.#show((await get(this.#path)).body);
      if (this.#refusedForNow) setText(byId(`${this.name}-refusal`), "");
      this.#refusedForNow = false;
    } catch (error) {
      this.#watch.stop();
      if (!isShownByPage(error)) setText(this.#words, error.message);
    }
  }

  /** @param {Api.RebuildStatus | Api.VerifyStatus} progress */
  #show(progress) {
    const { state, cancelling, events_done, events_total, per_cent, error } = progress;
    const running = state === "running";
    const { words, figures, head, rows, more } = this.#describe(progress);
    if (running) this.#watch.start();
    else this.#watch.stop();
    disable(`${this.name}-start`, running);
    this.#showCancel(running && !isNeeded(progress), cancelling);
    const finished = ["swapped", "sound", "findings"].includes(state);
    this.#bar.value = finished ? 100 : per_cent;
    this.#bar.hidden = byId(`${this.name}-figures`).hidden = state === "idle";
    setText(this.#words, cancelling ? "Cancelling…" : error ? `${words} ${error}` : words);
    this.#words.dataset.state = state;
    byId(`${this.name}-figures`).replaceChildren(
      ...[
        ["Events", `${events_done.toLocaleString("en")} of ${events_total.toLocaleString("en")}`],
        ...figures,
      ].map(([name, value]) =>
        element(
          "div",
          {},
          element("dt", {}, name),
          element(
            "dd",
            { testid: `${this.name}-${name.toLowerCase().replaceAll(" ", "-")}` },
            value,
          ),
        ),
      ),
    );
    this.#table(head, rows, more);
    // A short run may start and end between two polls: its end distinguishes it from the last one.
    const key = `${state} ${progress.ended_at}`;
    if (this.#shown !== key) {
      if (this.#shown) announce(this.#words.textContent);
      this.#history.load();
    }
    this.#shown = key;
  }

  /**
   * @param {boolean} offered
   * @param {boolean} cancelling
   */
  #showCancel(offered, cancelling) {
    const cancel = byId(`${this.name}-cancel`);
    if (!offered && cancel === document.activeElement) byId(`${this.name}-start`).focus();
    cancel.hidden = !offered;
    disable(cancel.id, cancelling);
  }

  /**
   * @param {string[]} head
   * @param {[string, ...Cell[]][]} rows
   * @param {number} more
   */
  #table(head, rows, more) {
    const frame = byId(`${this.name}-table`);
    frame.hidden = !rows.length;
    if (frame.hidden) return;
    // The detail is long: it has its own row below.
    const cells = rows
      .slice(0, SHOWN)
      .flatMap(([first, ...row]) => [
        element(
          "tr",
          {},
          element("th", { scope: "row" }, first),
          ...row.slice(0, -1).map((cell) => element("td", {}, text(cell))),
        ),
        element(
          "tr",
          {},
          element("td", { class: "detail", colSpan: head.length }, text(row.at(-1))),
        ),
      ]);
    const rest =
      more > SHOWN
        ? element("caption", {}, `First ${SHOWN} of ${more.toLocaleString("en")}`)
        : null;
    frame.replaceChildren(
      element(
        "table",
        { class: "plain" },
        rest,
        element(
          "thead",
          {},
          element("tr", {}, ...head.map((name) => element("th", { scope: "col" }, name))),
        ),
        element("tbody", {}, ...cells),
      ),
    );
  }
}

/**
 * Whether the service has started the job itself, because it needs it.
 * @param {Api.RebuildStatus | Api.VerifyStatus} progress
 */
const isNeeded = (progress) => "requested_by" in progress && progress.requested_by === "service";

/** @param {Cell | undefined} cell */
const text = (cell) => (typeof cell === "number" ? String(cell) : (cell ?? ""));

/** @param {{ started_at: string | null, ended_at: string | null }} run */
function took({ started_at, ended_at }) {
  return started_at && ended_at ? `${fullTime(ended_at)}, in ${between(started_at, ended_at)}` : "";
}

/**
 * @param {string | null} id
 * @param {number | null} [version]
 */
const cartLink = (id, version) =>
  id
    ? element("a", { href: `/history/${id}${version ? `?v=${version}` : ""}` }, `…${id.slice(-8)}`)
    : "";

export function rebuildJob() {
  /** @type {Record<string, string>} */
  const phases = {
    building: "Rebuilding in the background",
    comparing: "Comparing row by row",
    swapping: "Swapping in the new views",
  };
  /** @type {Record<string, string>} */
  const ends = {
    idle: "Not run since the service started.",
    swapped: "Completed:",
    failed: "Failed; the current views stay in use.",
    cancelled: "Cancelled; the current views stay in use.",
  };
  return new Job(
    "rebuild",
    "/api/views/rebuild",
    /** @param {Api.RebuildStatus} it */
    (it) => ({
      words:
        it.state === "running"
          ? `${phases[it.phase ?? ""] ?? "Starting"}…`
          : `${ends[it.state] ?? it.state} ${it.state === "swapped" ? took(it) : ""}`.trim(),
      figures: [
        ["Rows compared", it.rows_compared.toLocaleString("en")],
        ["Rows that differ", it.rows_differing.toLocaleString("en")],
      ],
      head: ["Table", "Row", "Difference", "Cart"],
      rows: it.differences.map((row) => [
        row.table || "all",
        row.key,
        row.difference,
        cartLink(row.cart_id),
        row.detail,
      ]),
      more: it.rows_differing,
    }),
  );
}

export function verifyJob() {
  /** @type {Record<string, string>} */
  const phases = { log: "Checking the log", views: "Comparing the views with the log" };
  /** @type {Record<string, string>} */
  const ends = {
    idle: "Not run since the service started.",
    sound: "No problems found:",
    findings: "Problems found:",
    failed: "Verification failed.",
    cancelled: "Cancelled before its end.",
  };
  return new Job(
    "verify",
    "/api/verify",
    /** @param {Api.VerifyStatus} it */
    (it) => ({
      words:
        it.state === "running"
          ? `${phases[it.phase ?? ""] ?? "Starting"}…`
          : [ends[it.state] ?? it.state, ["sound", "findings"].includes(it.state) ? took(it) : ""]
              .join(" ")
              .trim(),
      figures: [
        ["Rows checked", it.rows_checked.toLocaleString("en")],
        ["Problems", it.findings_total.toLocaleString("en")],
      ],
      head: ["Problem", "Cart", "Version", "Position"],
      rows: it.findings.map((row) => [
        row.kind.replaceAll("_", " "),
        cartLink(row.cart_id, row.version),
        row.version,
        row.position,
        row.detail,
      ]),
      more: it.findings_total,
    }),
  );
}
