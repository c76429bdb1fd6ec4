/** The operations page: the log's last event, the views, rebuild, verify and the catalogue. */

import { byId, fromTemplate, setAttribute, setText } from "./page/element.js";
import { announce, connectionBack, connectionLost, showIndicator } from "./page/notices.js";
import { asOperator, isSignedOut } from "./page/operator.js";
import { count, duration } from "./page/format.js";
import { get, isTemporary, Unreachable } from "./service/request.js";
import { poll } from "./service/poll.js";
import { whenBack } from "./service/retry.js";
import { rebuildJob, verifyJob } from "./operations/jobs.js";
import { actionButton } from "./operations/action.js";
import { describeReload } from "./operations/catalogue.js";
import { BackgroundErrors } from "./operations/background_errors.js";
import { offerConfiguration } from "./operations/configuration.js";
import { describeDamage } from "./operations/damage.js";
import { offerSearch } from "./operations/find.js";
import { Measurements } from "./operations/measurements.js";
import { describeSimulation, SIMULATION } from "./operations/simulation.js";
import { Webhooks } from "./operations/webhooks.js";

/** How often the views are polled. */
const POLL_MS = 1000;

/** @type {Record<string, string>} */
const STATES = { current: "current", catching_up: "catching up", failed: "failed" };

/** The last event of the log and the lag of each view. */
class Views {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** @type {{ head: number, at: number } | null} */
  #before = null;

  async load() {
    /** @type {{ body: Api.Views }} */
    const { body } = await get("/api/views");
    this.#showHead(body);
    setText(byId("log"), describeLog(body.log));
    for (const view of body.items) this.#row(view.name).show(view, body.head);
    for (const [name, row] of this.#rows) {
      if (body.items.some((view) => view.name === name)) continue;
      row.root.remove();
      this.#rows.delete(name);
    }
    this.#showWorst(body.items);
  }

  /** @param {Api.Views} views */
  #showHead({ head }) {
    const now = performance.now();
    const rate = this.#before ? ((head - this.#before.head) * 1000) / (now - this.#before.at) : 0;
    this.#before = { head, at: now };
    setText(byId("head"), head.toLocaleString("en"));
    setText(
      byId("rate"),
      rate >= 0.5 ? `${Math.round(rate).toLocaleString("en")} events a second` : "idle",
    );
  }

  /** @param {Api.View[]} items */
  #showWorst(items) {
    const failed = items.filter((view) => view.state === "failed");
    const behind = items.filter((view) => view.lag_events > 0);
    const worst = Math.max(...items.map((view) => view.lag_ms), 0);
    const indicator = byId("indicator");
    const state = failed.length ? "bad" : behind.length ? "waiting" : "good";
    const names =
      failed.length === items.length ? "All views" : failed.map((view) => view.name).join(", ");
    const reasons = new Set(failed.map((view) => view.last_error));
    const words = failed.length
      ? `${names} failed: ${[...reasons].join("; ")}`
      : behind.length
        ? `${count(behind.length, "view")} ${behind.length === 1 ? "is" : "are"} behind, ` +
          `${duration(worst)} at most`
        : "All views up to date";
    if (
      indicator.dataset.state &&
      indicator.dataset.state !== state &&
      (state === "bad" || indicator.dataset.state === "bad")
    )
      announce(words);
    showIndicator(indicator, state, words);
  }

  /** @param {string} name */
  #row(name) {
    const known = this.#rows.get(name);
    if (known) return known;
    const row = new Row(name);
    this.#rows.set(name, row);
    byId("views").append(row.root);
    return row;
  }
}

/**
 * @param {Api.Log["witnesses"][number]} witness
 * @returns {string}
 */
function describeWitness({ name, cosigned_events, problem }) {
  if (problem !== null) return `the witness ${name} ${problem}`;
  if (cosigned_events === null) return `${name} has not cosigned yet`;
  return `${name} has cosigned up to event ${cosigned_events.toLocaleString("en")}`;
}

/**
 * @param {NonNullable<Api.Log["mirror"]>} mirror
 * @returns {string}
 */
function describeMirror({ stream, state, position, lag_ms, last_error }) {
  const name = `mirror in NATS (${stream})`;
  if (state === "waiting" || state === "refused")
    return `${name} ${state}${last_error === null ? "" : `: ${last_error}`}`;
  const by = state === "standing_by" ? ", by another node" : "";
  const how = lag_ms ? `${duration(lag_ms)} behind` : "up to date";
  return `${name} ${how}, event ${(position ?? 0).toLocaleString("en")}${by}`;
}

/**
 * @param {Api.Log} log
 * @returns {string}
 */
function describeLog({ node, engine, replica, signed_events, not_signed, witnesses, mirror }) {
  const proof =
    signed_events === null
      ? `not signed: ${not_signed}`
      : `signed up to event ${signed_events.toLocaleString("en")}`;
  const mirrors = mirror ? [describeMirror(mirror)] : [];
  const place = [`${engine} on ${node}`, proof, ...witnesses.map(describeWitness), ...mirrors].join(
    "; ",
  );
  if (!replica) return place;
  const { state, lag_commits, lag_ms, last_error } = replica;
  if (state === "failed") return `${place}; replica does not follow: ${last_error}`;
  if (state === "current") return `${place}; replica up to date`;
  return `${place}; replica ${count(lag_commits, "commit")}, ${duration(lag_ms)} behind`;
}

class Row {
  #parts;

  /** @param {string} name */
  constructor(name) {
    const { root, parts } = fromTemplate("view");
    this.root = root;
    this.#parts = parts;
    root.dataset.testid = `view-${name}`;
    setText(parts.name, name);
    parts.bar.ariaLabel = `Progress of ${name}`;
  }

  /**
   * @param {Api.View} view
   * @param {number} head
   */
  show({ definition, position, lag_events, lag_ms, state }, head) {
    const parts = this.#parts;
    parts.state.dataset.status = state === "current" ? "open" : state;
    setText(parts.state, STATES[state] ?? state);
    setText(parts.position, position.toLocaleString("en"));
    setAttribute(parts.bar, "max", Math.max(head, 1));
    parts.bar.value = head ? position : 1;
    // A full bar says nothing.
    parts.bar.hidden = !lag_events;
    setText(parts.lag, lag_events ? `${count(lag_events, "event")}, ${duration(lag_ms)}` : "none");
    setText(parts.definition, String(definition));
  }
}

const views = new Views();
const jobs = [rebuildJob(), verifyJob()];
const measurements = new Measurements();
const webhooks = new Webhooks();
const backgroundErrors = new BackgroundErrors();
const polling = poll(POLL_MS, async () => {
  try {
    // With the first views, so that nothing below moves when they come.
    const first = byId("operations").hidden ? [measurements.watch(), backgroundErrors.watch()] : [];
    await Promise.all([views.load(), ...first]);
    connectionBack();
    byId("failed").hidden = true;
    byId("operations").hidden = false;
  } catch (error) {
    showError(error);
  }
});

let cancelRetry = () => {};
offerSearch(showError);
offerConfiguration();
actionButton("reload", "/api/catalogue/reload", describeReload, showError);
actionButton("damage", "/api/views/damage", describeDamage, showError);
actionButton("simulation", "/api/simulation", describeSimulation, showError, SIMULATION);
open();

async function open() {
  cancelRetry();
  try {
    await asOperator(
      "This page monitors the service and rebuilds its views.",
      ({ token_required }) => {
        // Only a demo may be damaged.
        byId("damage").hidden = token_required;
        byId("demo").hidden = token_required;
        byId("simulation").hidden = token_required;
        byId("failed").hidden = true;
        polling.start();
        for (const job of jobs) job.watch();
        webhooks.watch();
      },
    );
  } catch (error) {
    showError(error);
  }
}

/** @param {Error} error */
function showError(error) {
  if (!polling.runs && isTemporary(error)) cancelRetry = whenBack(open);
  if (error instanceof Unreachable) {
    connectionLost("Connection lost. This may be out of date.", () =>
      polling.runs ? polling.now() : open(),
    );
    if (!byId("operations").hidden) return;
  }
  if (isSignedOut(error)) {
    polling.stop();
    measurements.stop();
    webhooks.stop();
    backgroundErrors.stop();
    byId("operations").hidden = true;
    open();
    return;
  }
  byId("failed").hidden = false;
  setText(byId("failed-words"), error.message);
  byId("again").onclick = open;
}
