/**
 * A command on its way: sent, decided, appended, seen in the view. Each figure is measured, by the
 * service (`Server-Timing`) or by this page.
 */

import { get, Problem } from "../service/request.js";

/** @import { Attempt } from "../shop/trace.js" */

/** Events of a command that are read; one that clears a cart may have more. */
const MAX_EVENTS = 40;

/**
 * Where a run is: on its way, written, nothing to write, refused by a rule, or failed otherwise.
 * @typedef {"waiting" | "written" | "unchanged" | "refused" | "failed"} Outcome
 */

/** The phases of a `Server-Timing` header in milliseconds, by their names. */
export function phases(/** @type {string | null} */ header) {
  const parts = (header ?? "").split(", ").map((part) => /^(\w+);dur=([\d.]+)$/.exec(part));
  return Object.fromEntries(
    parts.filter((it) => it !== null).map(([, name, ms]) => [name, Number(ms)]),
  );
}

export class Run {
  /** @type {Api.RefusedCommand | null} */
  refusal = null;
  /** @type {Api.Event[] | null} The events that the command wrote. */
  events = null;
  /**
   * The row as it was read back: milliseconds after the response, and those that the service took.
   * @type {{ document: Api.Cart, after: number, service: number } | null}
   */
  row = null;
  /** What could not be read afterwards. */
  failure = "";

  /**
   * @param {number} number
   * @param {Attempt} attempt
   */
  constructor(number, attempt) {
    this.number = number;
    this.attempt = attempt;
  }

  /** @returns {Outcome} */
  get outcome() {
    const { answered, response, error } = this.attempt;
    if (answered === undefined) return "waiting";
    if (response) return response.headers.has("Log-Position") ? "written" : "unchanged";
    return error instanceof Problem && error.status < 500 && !error.isTransient
      ? "refused"
      : "failed";
  }

  /** Milliseconds from the request to its response. */
  get tookMs() {
    return (this.attempt.answered ?? performance.now()) - this.attempt.sent;
  }

  /** Milliseconds that deciding and appending took in the service. */
  get timing() {
    return phases(this.attempt.response?.headers.get("Server-Timing") ?? null);
  }

  /** The position of the command's last event in the log. */
  get position() {
    return Number(this.attempt.response?.headers.get("Log-Position"));
  }

  /** Reads what the response does not have: the row, the events, or the refusal as it is kept. */
  async read() {
    try {
      if (this.outcome === "written") await this.#readResult();
      else if (this.outcome === "refused") await this.#readRefusal();
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
    }
  }

  async #readResult() {
    const { response, answered = 0 } = this.attempt;
    if (!response) return;
    const { id, version } = response.body;
    const { body, headers } = await get(`/api/carts/${id}?min_version=${version}`, {
      headers: { Prefer: "wait=5" },
    });
    this.row = {
      document: body,
      after: performance.now() - answered,
      service: phases(headers.get("Server-Timing")).view ?? 0,
    };
    /** @type {{ body: Api.EventPage }} */
    const { body: page } = await get(`/api/carts/${id}/events?order=desc&limit=${MAX_EVENTS}`);
    const last = page.items.find((event) => event.version === version);
    this.events = page.items
      .filter((event) => event.meta.command_id === last?.meta.command_id)
      .reverse();
  }

  async #readRefusal() {
    const { request, error } = this.attempt;
    const [, cart] = /^(\/api\/carts\/[^/]+)\//.exec(request.path) ?? [];
    if (!cart || !(error instanceof Problem)) return;
    /** @type {{ body: Api.CartRefusals }} */
    const { body } = await get(`${cart}/refusals`);
    this.refusal = body.refusals.findLast((it) => it.type.endsWith(`/${error.slug}`)) ?? null;
  }
}
