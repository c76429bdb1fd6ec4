/** The last runs of a job, in a table that is loaded once it is opened. */

import { byId, element, setText } from "../page/element.js";
import { count, duration, fullTime } from "../page/format.js";
import { isShownByPage } from "../page/operator.js";
import { get } from "../service/request.js";

/** @typedef {Api.JobRuns["items"][number]} Run */

/** What a job is called, and what it finds. */
const JOBS = {
  rebuild: { job: "rebuild", found: "row that differs", all: "rows that differ", none: "Done" },
  verify: { job: "verification", found: "problem", all: "problems", none: "No problems" },
};

const OUTCOMES = {
  running: "Running",
  failed: "Failed",
  cancelled: "Cancelled",
  interrupted: "Interrupted by a restart",
};
const REQUESTERS = { operator: "by the operator", service: "by the service itself" };
const HEAD = ["Started", "Outcome"];

/** The details `<name>-history` of a job. */
export class JobHistory {
  #name;
  #details;

  /** @param {"rebuild" | "verify"} name */
  constructor(name) {
    this.#name = name;
    this.#details = byId(name === "rebuild" ? "rebuild-history" : "verify-history");
    this.#details.addEventListener("toggle", () => this.load());
  }

  /** Loads the runs again, if they are shown. */
  async load() {
    if (!this.#details.open) return;
    try {
      /** @type {{ body: Api.JobRuns }} */
      const { body } = await get("/api/jobs");
      this.#show(body.items.filter((run) => run.job === JOBS[this.#name].job));
    } catch (error) {
      if (!isShownByPage(error)) setText(byId(`${this.#name}-history-words`), error.message);
    }
  }

  /** @param {Run[]} runs */
  #show(runs) {
    const words = runs.length
      ? "On this node, newest first. The last 20 are kept, also over a restart."
      : "None yet.";
    setText(byId(`${this.#name}-history-words`), words);
    const frame = byId(`${this.#name}-runs`);
    frame.hidden = !runs.length;
    const head = HEAD.map((name) => element("th", { scope: "col" }, name));
    frame.replaceChildren(
      element(
        "table",
        { class: "plain" },
        element("thead", {}, element("tr", {}, ...head)),
        element("tbody", {}, ...runs.flatMap((run) => this.#rows(run))),
      ),
    );
  }

  /** @param {Run} run */
  #rows(run) {
    const { started_at, ended_at, requested_by, result } = run;
    const took = ended_at && duration(Date.parse(ended_at) - Date.parse(started_at));
    const scope = `${count(result.events, "event")}, ${count(result.rows, "row")}`;
    const parts = [REQUESTERS[requested_by], took && `took ${took}`, scope, result.error];
    const detail = parts.filter((part) => part).join("; ");
    return [
      element(
        "tr",
        {},
        element("th", { scope: "row" }, fullTime(started_at)),
        element("td", {}, this.#outcome(run)),
      ),
      element("tr", {}, element("td", { class: "detail", colSpan: HEAD.length }, detail)),
    ];
  }

  /** @param {Run} run */
  #outcome({ outcome, result: { found } }) {
    if (outcome !== "done") return OUTCOMES[outcome];
    const { none, found: one, all } = JOBS[this.#name];
    return found ? `${found.toLocaleString("en")} ${found === 1 ? one : all}` : none;
  }
}
