/**
 * Why a number is what it is: the events that made it, and the sum written out. A number is named
 * as in the address: `teapot.quantity`, `teapot.total`, `items_total`, `discount`, `total`.
 */

import { amount, signed } from "../page/format.js";
import { countUpTo } from "./event_list.js";
import { unitsOf } from "../page/event_types.js";
import { visibleLines } from "./fold.js";

/** A sum of more terms is shortened in its middle. The ledger beneath it has them all. */
const WRITTEN = 14;
const LINES_WRITTEN = 6;

/** `{ sku, field }` of a number's name, or `null` for a name that none has. A sku may hold dots. */
export function numberNamed(why) {
  if (["items_total", "discount", "total"].includes(why)) return { sku: null, field: why };
  const [, sku, field] = /^(.+)\.(quantity|total)$/.exec(why ?? "") ?? [];
  return sku ? { sku, field } : null;
}

/**
 * The reason of number `why` in `moment`: `{ field, sku, value, term(version), isHighlighted(version),
 * versions(), words() }`. `versions()` are those of the terms, ascending, possibly many thousands,
 * and `words()` are `{ title, sum, note }`: both are made when asked, since a running cursor only
 * asks what is lit. Answers `null` when there is no such number.
 */
export function reasonOf(why, moment) {
  const number = numberNamed(why);
  if (!number) return null;
  const { eventList, version, state } = moment;
  const { sku, field } = number;
  const moves = sku ? eventList.movesBySku.get(sku) : eventList.moves;
  if (sku && !moves) return null;
  const skipped = new Set(moment.without);
  const promotion = state.promotion_version;
  const withMoves = field !== "discount";
  const withPromotion = promotion !== null && (field === "discount" || field === "total") && !sku;
  const line = sku ? state.allLines.find((line) => line.sku === sku) : null;

  // In a what-if an event may find less to take out than it did: what it moves there counts.
  const moved = (it) => (skipped.size ? movedIn(moment.fold, eventList.event(it)) : movedBy(eventList.event(it)));
  const versions = () => {
    const made = withMoves ? moves.slice(0, countUpTo(moves, version)).filter((it) => !skipped.has(it) && moved(it).quantity !== 0) : [];
    if (withPromotion) made.splice(countUpTo(made, promotion), 0, promotion);
    return made;
  };

  const isHighlighted = (it) => {
    if (it > version || skipped.has(it)) return false;
    if (withPromotion && it === promotion) return true;
    if (!withMoves) return false;
    const event = eventList.event(it);
    return unitsOf(event) !== 0 && (!sku || event.data.sku === sku) && moved(it).quantity !== 0;
  };

  const term = (it) => {
    const event = eventList.event(it);
    if (it === promotion) return { event, value: field === "total" ? -state.discount : state.discount };
    return { event, value: moved(it)[field === "quantity" ? "quantity" : "total"] };
  };

  const value = sku ? (line?.[field] ?? 0) : state[field];
  return { field, sku, value, term, isHighlighted, versions, words: () => words(number, moment, line, () => versions().map((it) => moved(it).quantity)) };
}

function movedBy(event) {
  const quantity = unitsOf(event);
  return { quantity, total: quantity * event.data.unit_price };
}

/** What an event moves in another history than its own. */
function movedIn(fold, { version, data }) {
  const lineAt = (at) => fold.at(at).allLines.find((line) => line.sku === data.sku) ?? { quantity: 0, total: 0 };
  const before = lineAt(version - 1);
  const after = lineAt(version);
  return { quantity: after.quantity - before.quantity, total: after.total - before.total };
}

function words({ sku, field }, { eventList, state }, line, quantities) {
  const { currency } = eventList;
  const write = (minor) => amount(minor, currency);
  const name = line?.name ?? (sku && eventList.event(eventList.movesBySku.get(sku)[0]).data.name);
  if (field === "quantity") {
    return { title: `Quantity of ${name}`, sum: `${shortened(quantities().map(signed))} = ${line?.quantity ?? 0}`, note: "All additions and removals." };
  }
  if (sku) {
    const lots = line?.lots ?? [];
    const terms = lots.map((lot) => `${lot.quantity} × ${write(lot.unit_price)}`);
    return { title: `Total of ${name}`, sum: `${terms.join(" + ") || "0"} = ${write(line?.total ?? 0)}`, note: "Every unit keeps the price it was added at; the newest are removed first." };
  }
  if (field === "items_total") {
    const lines = visibleLines(state);
    const terms = lines.slice(0, LINES_WRITTEN).map((line) => `${line.name} ${write(line.total)}`);
    if (lines.length > LINES_WRITTEN) terms.push(`${lines.length - LINES_WRITTEN} more lines ${write(lines.slice(LINES_WRITTEN).reduce((sum, line) => sum + line.total, 0))}`);
    return { title: "Subtotal", sum: `${terms.join(" + ") || "0"} = ${write(state.items_total)}`, note: "The sum of all lines. Below: every addition and removal." };
  }
  const { promotion, promotion_before } = state;
  const place = promotion_before ? ` ${promotion.code} replaced ${promotion_before}.` : "";
  if (field === "discount") {
    if (!promotion) return { title: "Discount", sum: "no promotion = 0", note: "No promotion applies at this version." };
    if (promotion.percent !== undefined) return { title: "Discount", sum: `${promotion.percent}% of ${write(state.items_total)} = ${write(state.discount)}`, note: `Rounded half up to a whole cent.${place}` };
    const capped = promotion.amount > state.items_total ? `, at most the subtotal ${write(state.items_total)}` : "";
    return { title: "Discount", sum: `a fixed ${write(promotion.amount)}${capped} = ${write(state.discount)}`, note: `Never more than the subtotal.${place}` };
  }
  return { title: "Total", sum: `${write(state.items_total)} − ${write(state.discount)} = ${write(state.total)}`, note: `Subtotal less discount. Below: what each event added or removed.${place}` };
}

function shortened(terms) {
  if (terms.length <= WRITTEN) return terms.join(" ") || "0";
  const half = WRITTEN / 2 - 1;
  return [...terms.slice(0, half), `… ${terms.length - 2 * half} more …`, ...terms.slice(-half)].join(" ");
}
