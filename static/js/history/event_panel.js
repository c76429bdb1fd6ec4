/** The event at the cursor: its sentence, its cause, its effect, and what is stored of it. */

import { byId, element } from "../page/element.js";
import { amount, fullTime, duration } from "../page/format.js";
import { toast } from "../page/notices.js";
import { asGivenWhenThen, asJson, copyText } from "./copy.js";
import { difference } from "./fold.js";
import { actionOf, SUMS } from "../page/event_types.js";
import { stepLink } from "./playback.js";

export class EventPanel {
  #page;
  #eventList;
  #root = byId("event");
  #shown = "";
  #event = null;
  #rawOpen = true;

  constructor(page, eventList) {
    this.#page = page;
    this.#eventList = eventList;
    // The service writes CloudEvents for whoever holds the cart.
    byId("copy-cloudevent").hidden = eventList.byOperator;
    const copy = (id, name, text) => byId(id).addEventListener("click", () => this.#copy(name, text));
    copy("copy-json", "JSON", () => asJson(this.#event));
    copy("copy-cloudevent", "CloudEvent", async () => asJson(await eventList.cloudEvent(this.#event.version)));
    copy("copy-given", "given/when/then", () => asGivenWhenThen(eventList, this.#event));
  }

  async #copy(name, text) {
    try {
      if (await copyText(await text())) toast(`Copied as ${name}`);
    } catch (error) {
      toast(error.message);
    }
  }

  show({ event, version, head }) {
    const key = `${version} ${event.view_delay_ms ?? ""} ${this.#eventList.siblings(event).length}`;
    if (key === this.#shown) return;
    this.#shown = key;
    this.#event = event;
    const before = this.#eventList.event(version - 1);
    const pause = before ? `, ${duration(Math.max(new Date(event.recorded_at) - new Date(before.recorded_at), 0))} after the previous event` : "";
    this.#root.replaceChildren(
      element("p", { class: "event-sentence", testid: "event-sentence" }, event.sentence),
      element("p", { class: "soft small" }, `Event ${version} of ${head}, ${fullTime(event.recorded_at)}${pause}`),
      element("h3", {}, "Cause"),
      this.#cause(event),
      element("h3", {}, "Effect"),
      this.#effect(event),
      this.#raw(event),
    );
  }

  #cause(event) {
    const { meta } = event;
    const others = this.#eventList.siblings(event).filter((version) => version !== event.version);
    const together = others.length ? [" The same command wrote ", ...others.slice(0, 6).flatMap((version, index) => [index ? ", " : "", stepLink(this.#page, version)]), others.length > 6 ? ` and ${others.length - 6} more` : "", "."] : [];
    const subject = ["shopper", "service"].includes(meta.actor) ? `The ${meta.actor}` : `“${meta.actor}”`;
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

  #effect(event) {
    const { currency, fold } = this.#eventList;
    const write = (minor) => amount(minor, currency);
    const { lines, sums, promotion, status } = difference(fold.at(event.version - 1), fold.at(event.version));
    const arrow = (name, [from, to], text = String) => element("li", {}, `${name}: `, element("span", { class: "from" }, text(from)), " → ", element("strong", {}, text(to)));
    const words = (value) => (value === null ? "none" : value.replace("_", " "));
    const changes = [
      ...lines.flatMap((line) => [arrow(`${line.name}, quantity`, line.quantity), arrow(`${line.name}, total`, line.total, write)]),
      ...(promotion[0] === promotion[1] ? [] : [arrow("Promotion", promotion, words)]),
      ...Object.entries(SUMS).flatMap(([field, name]) => (sums[field][0] === sums[field][1] ? [] : [arrow(name, sums[field], write)])),
      ...(status[0] === status[1] ? [] : [arrow("Status", status, words)]),
    ];
    const delay = event.view_delay_ms === undefined ? "View delay is measured for live events only." : `View delay: ${duration(event.view_delay_ms)}.`;
    return element(
      "div",
      { testid: "effect" },
      changes.length ? element("ul", { class: "changes" }, ...changes) : element("p", {}, event.version === 1 ? "An empty cart was created." : "No number changed."),
      element("p", { class: "soft small", testid: "view-delay" }, delay),
    );
  }

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
      element("pre", { tabIndex: 0, role: "region", "aria-label": "The event’s data" }, JSON.stringify(event.data, null, 2)),
    );
    details.addEventListener("toggle", () => (this.#rawOpen = details.open));
    return details;
  }
}

function facts(pairs) {
  return element("dl", { class: "facts" }, ...pairs.filter(([, value]) => value).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, String(value)))));
}
