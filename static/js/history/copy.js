/** An event as text for the clipboard: JSON, CloudEvent, or given/when/then. */

import { byId } from "../page/element.js";
import { amount } from "../page/format.js";

/** @import { EventList } from "./event_list.js" */

const GIVEN = 200;

/**
 * Copies text to the clipboard and returns true. Without clipboard access (no TLS), shows the text
 * to be copied by hand and returns false.
 * @param {string} text
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    showToCopy(text);
    return false;
  }
}

/** @param {string} text */
function showToCopy(text) {
  byId("copy-text").value = text;
  byId("copy").showModal();
  byId("copy-text").select();
}

/** @param {unknown} event */
export const asJson = (event) => JSON.stringify(event, null, 2);

/**
 * The event's command as a specification: past events, command, new events.
 * @param {EventList} eventList
 * @param {Api.Event} event
 */
export function asGivenWhenThen(eventList, event) {
  const { currency } = eventList;
  const written = eventList.siblings(event);
  const past = eventList.events.slice(0, written[0] - 1);
  const lines = past.slice(-GIVEN).map((it) => plain(it, currency));
  if (past.length > GIVEN) lines.unshift(`# ${past.length - GIVEN} earlier events`);
  /** @param {string} word @param {string[]} rows */
  const block = (word, rows) =>
    rows.map((row, index) => `${(index ? "" : word).padEnd(6)}${row}`).join("\n");
  const then = written.map((version) => plain(eventList.event(version), currency));
  return [
    block("given", lines.length ? lines : ["nothing"]),
    block("when", [commandOf(eventList, event, written)]),
    block("then", then),
  ].join("\n");
}

/**
 * @param {Api.Event} event
 * @param {string} currency
 */
function plain({ type, data }, currency) {
  if (data.sku)
    return `${type} ${data.sku} ${data.quantity} × ${amount(data.unit_price, currency)}`;
  if (data.code) {
    const discount = data.amount === undefined ? "" : ` ${amount(data.amount, currency)}`;
    const percent = data.percent === undefined ? discount : ` ${data.percent}%`;
    return `${type} ${data.code}${percent}`;
  }
  if (type === "CartCheckedOut") return `${type} ${amount(data.total, currency)}`;
  return type;
}

/**
 * The command, with the arguments that its events show.
 * @param {EventList} eventList
 * @param {Api.Event} event
 * @param {number[]} written
 */
function commandOf(eventList, event, written) {
  const { command } = event.meta;
  const { data } = event;
  if (command === "set_quantity") {
    const line = eventList.fold
      .at(written.at(-1) ?? event.version)
      .allLines.find(({ sku }) => sku === data.sku);
    return `${command} ${data.sku} ${line?.quantity ?? 0}`;
  }
  if (command === "add_item") return `${command} ${data.sku} ${data.quantity}`;
  if (command === "remove_item") return `${command} ${data.sku}`;
  if (command === "apply_promotion")
    return `${command} ${eventList.event(written.at(-1) ?? event.version).data.code}`;
  return command;
}
