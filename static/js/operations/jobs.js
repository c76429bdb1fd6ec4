/** The two long works: making all views anew, and verifying the log and the views. Both are watched. */

import { byId, disable, element, onPress, setText } from "../page/element.js";
import { announce } from "../page/notices.js";
import { isSignedOut } from "../page/operator.js";
import { fullTime, duration } from "../page/format.js";
import { get, Problem, request, Unreachable } from "../service/request.js";
import { poll } from "../service/stream.js";

/** Progress moves; a work that rests is looked at for what somebody else starts. */
const RUNNING_MS = 250;
const RESTING_MS = 2000;
const SHOWN = 50;

class Job {
  #path;
  #describe;
  #bar;
  #words;
  #shown = "";
  #watch = poll(RUNNING_MS, () => this.#look());
  #settle = poll(RESTING_MS, () => this.#look());

  /** `told(progress)` answers `{words, figures, head, rows}` for what the service says. */
  constructor(name, path, describe) {
    this.#path = path;
    this.#describe = describe;
    this.name = name;
    this.#bar = byId(`${name}-bar`);
    this.#words = byId(`${name}-words`);
    onPress(`${name}-start`, () => this.#begin());
  }

  watch() {
    this.#settle.start();
  }

  async #begin() {
    setText(byId(`${this.name}-refusal`), "");
    try {
      await request("POST", this.#path);
    } catch (error) {
      // Somebody else's run is as good to watch.
      if (!(error instanceof Problem && error.slug === `${this.name}-running`)) {
        setText(byId(`${this.name}-refusal`), error.message);
        return;
      }
    }
    announce(`${this.name} started`);
    this.#watch.start();
  }

  async #look() {
    try {
      this.#show((await get(this.#path)).body);
    } catch (error) {
      this.#watch.stop();
      // That nobody is there, or nobody may ask, is said for the whole page.
      if (error instanceof Unreachable || isSignedOut(error)) return;
      setText(this.#words, error.message);
    }
  }

  #show(progress) {
    const { state, events_done, events_total, per_cent, error } = progress;
    const running = state === "running";
    const { words, figures, head, rows, more } = this.#describe(progress);
    if (running) this.#watch.start();
    else this.#watch.stop();
    disable(`${this.name}-start`, running);
    const finished = ["swapped", "sound", "findings"].includes(state);
    this.#bar.value = finished ? 100 : per_cent;
    setText(this.#words, error ? `${words} ${error}` : words);
    this.#words.dataset.state = state;
    byId(`${this.name}-figures`).replaceChildren(
      ...[["Events", `${events_done.toLocaleString("en")} of ${events_total.toLocaleString("en")}`], ...figures].map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", { testid: `${this.name}-${name.toLowerCase().replaceAll(" ", "-")}` }, value))),
    );
    this.#table(head, rows, more);
    // A short run may begin and end between two looks: its end tells it from the one before.
    const key = `${state} ${progress.ended_at}`;
    if (this.#shown && this.#shown !== key) announce(this.#words.textContent);
    this.#shown = key;
  }

  #table(head, rows, more) {
    const frame = byId(`${this.name}-table`);
    frame.hidden = !rows.length;
    if (frame.hidden) return;
    // What was found is long: it has a row of its own beneath.
    const cells = rows.slice(0, SHOWN).flatMap(([first, ...row]) => [
      element("tr", {}, element("th", { scope: "row" }, first), ...row.slice(0, -1).map((cell) => element("td", {}, cell ?? ""))),
      element("tr", {}, element("td", { class: "detail", colSpan: head.length }, row.at(-1) ?? "")),
    ]);
    const rest = more > SHOWN ? element("caption", {}, `First ${SHOWN} of ${more.toLocaleString("en")}`) : null;
    frame.replaceChildren(element("table", { class: "plain" }, rest, element("thead", {}, element("tr", {}, ...head.map((name) => element("th", { scope: "col" }, name)))), element("tbody", {}, ...cells)));
  }
}

function took({ started_at, ended_at }) {
  return started_at && ended_at ? `${fullTime(ended_at)}, in ${duration(Math.max(Date.parse(ended_at) - Date.parse(started_at), 0))}` : "";
}

const cartLink = (id, version) => (id ? element("a", { href: `/history/${id}${version ? `?v=${version}` : ""}` }, `…${id.slice(-8)}`) : "");

export function rebuildJob() {
  const phases = { building: "Rebuilding in the background", comparing: "Comparing row by row", swapping: "Swapping in the new views" };
  const ends = { idle: "Not run since the service started.", swapped: "Completed:", failed: "Failed; the current views stay in use.", cancelled: "Cancelled; the current views stay in use." };
  return new Job("rebuild", "/api/views/rebuild", (it) => ({
    words: it.state === "running" ? `${phases[it.phase] ?? "Starting"}…` : `${ends[it.state] ?? it.state} ${it.state === "swapped" ? took(it) : ""}`.trim(),
    figures: [
      ["Rows compared", it.rows_compared.toLocaleString("en")],
      ["Rows that differ", it.rows_differing.toLocaleString("en")],
    ],
    head: ["Table", "Row", "Difference", "Cart"],
    rows: it.differences.map((row) => [row.table || "all", row.key, row.difference, cartLink(row.cart_id), row.detail]),
    more: it.rows_differing,
  }));
}

export function verifyJob() {
  const phases = { log: "Checking the log", views: "Comparing the views with the log" };
  const ends = { idle: "Not run since the service started.", sound: "No problems found:", findings: "Problems found:", failed: "Verification failed." };
  return new Job("verify", "/api/verify", (it) => ({
    words: it.state === "running" ? `${phases[it.phase] ?? "Starting"}…` : `${ends[it.state] ?? it.state} ${["sound", "findings"].includes(it.state) ? took(it) : ""}`.trim(),
    figures: [
      ["Rows checked", it.rows_checked.toLocaleString("en")],
      ["Problems", it.findings_total.toLocaleString("en")],
    ],
    head: ["Problem", "Cart", "Version", "Position"],
    rows: it.findings.map((row) => [row.kind.replaceAll("_", " "), cartLink(row.cart_id, row.version), row.version, row.position, row.detail]),
    more: it.findings_total,
  }));
}
