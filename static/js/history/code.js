/** The lines of the service's code that decided an event's command and applied the event. */

import { element } from "../page/element.js";
import { get } from "../service/request.js";

/**
 * By event type and command.
 * @type {Map<string, Api.Code>}
 */
const known = new Map();

/**
 * Shows the code behind `event` in `place`.
 * @param {HTMLElement} place
 * @param {Api.Event} event
 */
export async function showCode(place, { type, meta: { command } }) {
  const key = `event=${encodeURIComponent(type)}&command=${encodeURIComponent(command)}`;
  let code = known.get(key);
  if (!code) {
    place.replaceChildren(element("p", { class: "soft small" }, "Loading the code…"));
    try {
      ({ body: code } = await get(`/api/code?${key}`));
    } catch (error) {
      place.replaceChildren(
        element("p", { class: "refusal" }, `Couldn’t load the code: ${error.message}`),
      );
      return;
    }
    if (code) known.set(key, code);
  }
  place.replaceChildren(
    element("h4", {}, "decide"),
    element(
      "p",
      { class: "soft small" },
      `What the rules make of the command ${command}: events, or a refusal.`,
    ),
    ...(code?.decide ?? []).map(excerpt),
    element("h4", {}, "evolve"),
    element("p", { class: "soft small" }, `How ${type} changes the state. It never fails.`),
    ...(code?.evolve ?? []).map(excerpt),
  );
}

/** @param {Api.Code["decide"][number]} excerpt */
function excerpt({ file, first_line, lines }) {
  const last = first_line + lines.length - 1;
  const range = first_line === last ? `line ${last}` : `lines ${first_line} to ${last}`;
  const where = `${file}, ${range}`;
  const width = String(last).length;
  const rows = lines.flatMap((line, index) => [
    element(
      "span",
      { class: "line-number", "aria-hidden": "true" },
      String(first_line + index).padStart(width),
    ),
    `${line}\n`,
  ]);
  return element(
    "figure",
    { class: "code" },
    element("figcaption", { class: "soft small" }, where),
    element("pre", { tabIndex: 0, role: "region", "aria-label": where }, ...rows),
  );
}
