/** The selected event: its sentence, cause, effect and raw data. */

import { byId, element } from "../page/element.js";
import { amount, between, duration, fullTime } from "../page/format.js";
import { toast } from "../page/notices.js";
import { asGivenWhenThen, asJson, copyText } from "./copy.js";
import { difference } from "./fold.js";
import { actionOf, SUMS } from "../page/event_types.js";
import { stepLink } from "./playback.js";
import { refusedInWords } from "./refusals.js";

/**
 * @import { CartHistory } from "./cart_history.js"
 * @import { Moment } from "./moment.js"
 * @import { EventList } from "./event_list.js"
 */

export class EventPanel {
  #page;
  #eventList;
  #root = byId("event");
  #shown = "";
  /** @type {Api.Event | null} */
  #event = null;
  #rawOpen = true;
  #codeOpen = false;

  /**
   * @param {CartHistory} page
   * @param {EventList} eventList
   */
  constructor(page, eventList) {
    this.#page = page;
    this.#eventList = eventList;
    // The service provides CloudEvents to the holder of the cart only.
    byId("copy-cloudevent").hidden = eventList.byOperator;
    /**
     * @param {string} id
     * @param {string} name
     * @param {(event: Api.Event) => string | Promise<string>} text
     */
    const copy = (id, name, text) =>
      byId(id).addEventListener("click", () => this.#event && this.#copy(name, text(this.#event)));
    copy("copy-json", "JSON", asJson);
    copy("copy-cloudevent", "CloudEvent", async ({ version }) =>
      asJson(await eventList.cloudEvent(version)),
    );
    copy("copy-given", "given/when/then", (event) => asGivenWhenThen(eventList, event));
  }

  /**
   * @param {string} name
   * @param {string | Promise<string>} text
   */
  async #copy(name, text) {
    try {
      if (await copyText(await text)) toast(`Copied as ${name}`);
    } catch (error) {
      toast(error.message);
    }
  }

  /** @param {Moment} moment */
  show(moment) {
    const { event, version, head, variant } = moment;
    const key =
      `${version} ${variant} ${event.view_delay_ms ?? ""} ` +
      `${this.#eventList.siblings(event).length} ${this.#eventList.refusedAt(version).length}`;
    if (key === this.#shown) return;
    this.#shown = key;
    this.#event = event;
    const before = version > 1 ? this.#eventList.event(version - 1) : null;
    const pause = before
      ? `, ${between(before.recorded_at, event.recorded_at)} after the previous event`
      : "";
    this.#root.replaceChildren(
      element("p", { class: "event-sentence", testid: "event-sentence" }, event.sentence),
      element(
        "p",
        { class: "soft small" },
        `Event ${version} of ${head}, ${fullTime(event.recorded_at)}${pause}`,
      ),
      element("h3", {}, "Cause"),
      this.#cause(event),
      element("h3", {}, "Effect"),
      this.#effect(moment),
      this.#raw(event),
      this.#code(event),
    );
  }

  /** @param {Api.Event} event */
  #cause(event) {
    const { meta } = event;
    const others = this.#eventList.siblings(event).filter((version) => version !== event.version);
    const together = others.length
      ? [
          " The same command wrote ",
          ...others
            .slice(0, 6)
            .flatMap((version, index) => [index ? ", " : "", stepLink(this.#page, version)]),
          others.length > 6 ? ` and ${others.length - 6} more` : "",
          ".",
        ]
      : [];
    const subject = ["shopper", "service"].includes(meta.actor)
      ? `The ${meta.actor}`
      : `“${meta.actor}”`;
    return element(
      "div",
      { testid: "cause" },
      element("p", {}, `${subject} ${actionOf(meta.command)}.`, ...together),
      facts([
        ["command", `${meta.command} ${meta.command_id}`],
        ["actor", meta.actor],
        ["correlation", meta.correlation_id],
        ["caused by", meta.causation_id],
        ["trace", meta.trace_id],
      ]),
    );
  }

  /** @param {Moment} moment */
  #effect({ event, fold, hypothetical, without, supposed }) {
    const { currency } = this.#eventList;
    /** @param {number} minor */
    const write = (minor) => amount(minor, currency);
    const { lines, sums, promotion, status } = difference(
      fold.at(event.version - 1),
      fold.at(event.version),
    );
    /**
     * @template T
     * @param {string} name
     * @param {[T, T]} pair
     * @param {(value: T) => string} [text]
     */
    const arrow = (name, [from, to], text = String) =>
      element(
        "li",
        {},
        `${name}: `,
        element("span", { class: "from" }, text(from)),
        " → ",
        element("strong", {}, text(to)),
      );
    /** @param {string | null} value */
    const words = (value) => (value === null ? "none" : value.replace("_", " "));
    const changes = [
      ...lines.flatMap((line) => [
        arrow(`${line.name}, quantity`, line.quantity),
        arrow(`${line.name}, total`, line.total, write),
      ]),
      ...(promotion[0] === promotion[1] ? [] : [arrow("Promotion", promotion, words)]),
      ...SUMS.flatMap(([field, name]) =>
        sums[field][0] === sums[field][1] ? [] : [arrow(name, sums[field], write)],
      ),
      ...(status[0] === status[1] ? [] : [arrow("Status", status, words)]),
    ];
    const refused = refusedInWords(this.#eventList.refusedAt(event.version));
    const delay =
      event.view_delay_ms === undefined
        ? "View delay is measured for live events only."
        : `View delay: ${duration(event.view_delay_ms)}.`;
    const made = supposed.events.filter(({ version }) => version === event.version);
    const isGone = without.includes(event.version) || made.some(({ replaces }) => replaces);
    const supposes = [
      isGone ? "without this event" : "",
      ...made.map(({ replaces, sentence }) => `${replaces ? "in its place" : "then"}: ${sentence}`),
    ].filter(Boolean);
    return element(
      "div",
      { testid: "effect" },
      element(
        "p",
        { class: "hypothetical-note", testid: "effect-hypothetical", hidden: !hypothetical },
        "In the what-if, not in the actual history" +
          `${supposes.length ? `, ${supposes.join("; ")}` : ""}.`,
      ),
      changes.length
        ? element("ul", { class: "changes" }, ...changes)
        : element(
            "p",
            {},
            event.version === 1 && !hypothetical
              ? "An empty cart was created."
              : "No number changed.",
          ),
      element("p", { class: "soft small", testid: "view-delay" }, delay),
      refused
        ? element(
            "p",
            { class: "refusal", testid: "then-refused" },
            refused,
            " ",
            element("a", { href: "#refused-title" }, "Not part of the log"),
          )
        : null,
    );
  }

  /** @param {Api.Event} event */
  #raw(event) {
    const { position, schema, type, hash, previous_hash } = event;
    const details = element(
      "details",
      { open: this.#rawOpen, testid: "raw" },
      element("summary", {}, "Raw event"),
      facts([
        ["type", `${type}, schema version ${schema}`],
        ["log position", position],
        ["hash", hash],
        ["previous hash", event.version === 1 ? "none (first event)" : previous_hash],
      ]),
      element(
        "pre",
        { tabIndex: 0, role: "region", "aria-label": "The event’s data" },
        JSON.stringify(event.data, null, 2),
      ),
    );
    details.addEventListener("toggle", () => (this.#rawOpen = details.open));
    return details;
  }

  /**
   * The code of the event is loaded when it is wanted.
   * @param {Api.Event} event
   */
  #code(event) {
    const place = element("div", { class: "code-body", testid: "code-body" });
    const details = element(
      "details",
      { open: this.#codeOpen, testid: "code" },
      element("summary", {}, "Show the code"),
      place,
    );
    details.addEventListener("toggle", () => {
      this.#codeOpen = details.open;
      if (details.open && !place.hasChildNodes()) fillCode(place, event);
    });
    return details;
  }
}

/**
 * @param {HTMLElement} place
 * @param {Api.Event} event
 */
async function fillCode(place, event) {
  const { showCode } = await import("./code.js");
  await showCode(place, event);
}

/** @param {[string, string | number | null][]} pairs */
function facts(pairs) {
  return element(
    "dl",
    { class: "facts" },
    ...pairs
      .filter(([, value]) => value)
      .map(([name, value]) =>
        element("div", {}, element("dt", {}, name), element("dd", {}, String(value))),
      ),
  );
}
