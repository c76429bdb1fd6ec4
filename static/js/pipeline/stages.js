/** The four stages of a command: what each says in short, and in full when it is opened. */

import { element } from "../page/element.js";
import { commandLabel } from "../page/event_types.js";
import { count } from "../page/format.js";
import { Problem } from "../service/request.js";

/** @import { Run } from "./run.js" */

/**
 * @typedef {"waiting" | "good" | "bad" | "none"} State
 * @typedef {object} Shown
 * @property {State} state
 * @property {string} what
 * @property {string} time
 *
 * @typedef {object} Stage
 * @property {string} id
 * @property {string} name
 * @property {(run: Run) => Shown} show
 * @property {(run: Run) => (Node | string)[]} explain
 */

/** How each kind of command is called in the log. */
const NAMES = {
  add: "add_item",
  set: "set_quantity",
  remove: "remove_item",
  clear: "clear_cart",
  promote: "apply_promotion",
  unpromote: "remove_promotion",
  undo: "undo",
  checkout: "checkout",
};

/** The operation of each kind of command in the API's documentation. */
const OPERATIONS = {
  add: "addItem",
  set: "setQuantity",
  remove: "removeItem",
  clear: "clearCart",
  promote: "applyPromotion",
  unpromote: "removePromotion",
  undo: "undo",
  checkout: "checkOut",
};

/**
 * The name of the run's command; an addition may open a cart.
 * @param {Run} run
 */
function nameOf({ attempt: { command, request } }) {
  return request.path === "/api/carts" ? "open_cart" : NAMES[command.kind];
}

/**
 * The run in a few words: `add item, 2 × teapot`.
 * @param {Run} run
 */
export function titleOf(run) {
  const { sku, quantity, code } = run.attempt.command;
  const units = sku && quantity !== undefined ? `${quantity} × ${sku}` : sku;
  return [commandLabel(nameOf(run)), units ?? code].filter(Boolean).join(", ");
}

/**
 * `0.04 ms`, `3.1 ms`, `12 ms`
 * @param {number | undefined} value
 */
export function ms(value) {
  if (value === undefined) return "";
  return `${value.toFixed(value < 1 ? 2 : value < 10 ? 1 : 0)} ms`;
}

/** @param {string} href @param {string} words */
const link = (href, words) => element("a", { href }, words);

/** @param {...(Node | string)} children */
const paragraph = (...children) => element("p", {}, children);

/** @param {unknown} document @param {string} name */
const json = (document, name) =>
  element(
    "pre",
    { tabIndex: 0, role: "region", "aria-label": name },
    JSON.stringify(document, null, 2),
  );

/** @param {Run} run */
function problemOf({ attempt: { error } }) {
  return error instanceof Problem
    ? /** @type {{ title?: string, trace_id?: string }} */ (error.body)
    : null;
}

/** @type {Stage[]} */
export const STAGES = [
  {
    id: "command",
    name: "Command",
    show: (run) => ({
      state: run.outcome === "failed" ? "bad" : "good",
      what: titleOf(run),
      time: run.outcome === "waiting" ? "sent" : `${ms(run.tookMs)} in all`,
    }),
    explain: (run) => {
      const { request, response, error } = run.attempt;
      const { method, path, headers, body } = request;
      const status = response?.status ?? (error instanceof Problem ? error.status : null);
      const lines = [
        `${method} ${path}`,
        ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
        ...(body === undefined ? [] : ["", JSON.stringify(body, null, 2)]),
      ];
      const operation =
        run.attempt.request.path === "/api/carts"
          ? "openCart"
          : OPERATIONS[run.attempt.command.kind];
      return [
        paragraph(
          status
            ? `The response had status ${status} and came after ${ms(run.tookMs)}, measured by ` +
                "this page. "
            : `${error?.message ?? "The response has not come yet."} `,
          link(`/docs#${operation}`, "This request in the API reference"),
        ),
        element(
          "pre",
          { tabIndex: 0, role: "region", "aria-label": "The request" },
          lines.join("\n"),
        ),
      ];
    },
  },
  {
    id: "decide",
    name: "Decide",
    show: (run) => {
      const { outcome, refusal, timing } = run;
      if (outcome === "written")
        return { state: "good", what: "accepted by the rules", time: ms(timing.decide) };
      if (outcome === "unchanged")
        return { state: "none", what: "nothing to change", time: ms(timing.decide) };
      if (outcome === "refused")
        return {
          state: "bad",
          what: `refused: ${problemOf(run)?.title ?? "a rule"}`,
          time: ms(refusal?.decide_ms),
        };
      return {
        state: outcome === "failed" ? "none" : "waiting",
        what: outcome === "failed" ? "unknown" : "",
        time: "",
      };
    },
    explain: (run) => {
      const { outcome, refusal, timing, attempt } = run;
      if (outcome === "written" || outcome === "unchanged") {
        const replayed = attempt.response?.headers.has("Idempotent-Replayed")
          ? " It repeats an earlier request under the same key, so nothing happened again."
          : "";
        const decided =
          outcome === "written"
            ? "The rules of the cart accepted the command, and decided which events it writes"
            : "The cart is as the command wants it: there is no event to write";
        return [paragraph(`${decided}: ${ms(timing.decide)}, measured by the service.${replayed}`)];
      }
      if (outcome !== "refused" || !(attempt.error instanceof Problem))
        return [paragraph("There is no decision to show.")];
      const kept = refusal
        ? `The cart at version ${refusal.version} refused it after ${ms(refusal.decide_ms)}, ` +
          "measured by the service. The refusal is not part of the log: this node alone keeps it."
        : "Nothing was written: a refused command is no event.";
      return [
        paragraph(
          element("strong", {}, attempt.error.message),
          " ",
          link(`/problems/${attempt.error.slug}`, "About this rule"),
        ),
        paragraph(kept),
        json(attempt.error.body, "The problem"),
      ];
    },
  },
  {
    id: "event",
    name: "Event",
    show: (run) => {
      const { outcome, events, timing, position } = run;
      if (outcome === "written")
        return {
          state: "good",
          what:
            `${events ? types(events) : "appended"} at ` +
            `position ${position.toLocaleString("en")}`,
          time: ms(timing.append),
        };
      return {
        state: outcome === "waiting" ? "waiting" : "none",
        what: outcome === "waiting" ? "" : "no event",
        time: "",
      };
    },
    explain: (run) => {
      const { outcome, events, timing, position, failure } = run;
      if (outcome !== "written") return [paragraph("The log has no event of this command.")];
      const intro = paragraph(
        `Appended at position ${position.toLocaleString("en")} of the log and on disk after ` +
          `${ms(timing.append)}, measured by the service. It will never change.`,
      );
      if (!events)
        return [
          intro,
          paragraph(failure ? `Couldn’t read the event: ${failure}` : "Reading the event…"),
        ];
      return [
        intro,
        ...events.flatMap((event) => [
          paragraph(
            link(`/history/${event.cart_id}?v=${event.version}`, `Version ${event.version}`),
            `: ${event.sentence}`,
          ),
          json(event, `The event of version ${event.version}`),
        ]),
      ];
    },
  },
  {
    id: "view",
    name: "View",
    show: (run) => {
      const { outcome, row, failure } = run;
      if (outcome === "written" && row)
        return {
          state: "good",
          what: `row at version ${row.document.version}`,
          time: `${ms(row.after)} later`,
        };
      if (outcome === "written")
        return {
          state: failure ? "bad" : "waiting",
          what: failure ? "couldn’t be read" : "",
          time: "",
        };
      return {
        state: outcome === "waiting" ? "waiting" : "none",
        what: outcome === "waiting" ? "" : "unchanged",
        time: "",
      };
    },
    explain: (run) => {
      const { row, failure } = run;
      if (!row)
        return [
          paragraph(
            failure ? `Couldn’t read the row: ${failure}` : "This command has changed no row.",
          ),
        ];
      return [
        paragraph(
          `This page had the row ${ms(row.after)} after the response; in the service, waiting ` +
            `for the view and reading it took ${ms(row.service)}. ` +
            "The next command overwrites it; the events stay.",
        ),
        json(row.document, "The row"),
      ];
    },
  },
];

/** @param {Api.Event[]} events */
function types(events) {
  return events.length === 1 ? events[0].type : count(events.length, "event");
}
