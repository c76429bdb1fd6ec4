/** An event as text to take along: as JSON, as the service's CloudEvent, as a given/when/then. */

import { byId } from "../page/element.js";
import { amount } from "../page/format.js";

const GIVEN = 200;

/**
 * Puts text on the clipboard. Where the browser has none for this page (one without TLS on
 * another host), shows it to be copied by hand. Answers whether it is on the clipboard.
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

function showToCopy(text) {
  byId("copy-text").value = text;
  byId("copy").showModal();
  byId("copy-text").select();
}

export const asJson = (event) => JSON.stringify(event, null, 2);

/** The event's command as a specification: what was, what was asked, what it wrote. */
export function asGivenWhenThen(eventList, event) {
  const { currency } = eventList;
  const written = eventList.siblings(event);
  const past = eventList.events.slice(0, written[0] - 1);
  const lines = past.slice(-GIVEN).map((it) => plain(it, currency));
  if (past.length > GIVEN) lines.unshift(`# ${past.length - GIVEN} earlier events`);
  const block = (word, rows) => rows.map((row, index) => `${(index ? "" : word).padEnd(6)}${row}`).join("\n");
  const then = written.map((version) => plain(eventList.event(version), currency));
  return [block("given", lines.length ? lines : ["nothing"]), block("when", [asked(eventList, event, written)]), block("then", then)].join("\n");
}

function plain({ type, data }, currency) {
  if (data.sku) return `${type} ${data.sku} ${data.quantity} × ${amount(data.unit_price, currency)}`;
  if (data.code) return `${type} ${data.code}${data.percent !== undefined ? ` ${data.percent}%` : data.amount !== undefined ? ` ${amount(data.amount, currency)}` : ""}`;
  if (type === "CartCheckedOut") return `${type} ${amount(data.total, currency)}`;
  return type;
}

/** The command with what can be told of its arguments from the events that it wrote. */
function asked(eventList, event, written) {
  const { command } = event.meta;
  const { data } = event;
  if (command === "set_quantity") {
    const line = eventList.fold.at(written.at(-1)).allLines.find(({ sku }) => sku === data.sku);
    return `${command} ${data.sku} ${line?.quantity ?? 0}`;
  }
  if (command === "add_item") return `${command} ${data.sku} ${data.quantity}`;
  if (command === "remove_item") return `${command} ${data.sku}`;
  if (command === "apply_promotion") return `${command} ${eventList.event(written.at(-1)).data.code}`;
  return command;
}
