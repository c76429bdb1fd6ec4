/**
 * The reason of a number: the events behind it, and its sum written out. Numbers are named as in
 * the URL: `teapot.quantity`, `teapot.total`, `items_total`, `discount`, `total`.
 */

/**
 * @typedef {"quantity" | "total" | "items_total" | "discount"} Field
 * @typedef {{ sku: string | null, field: Field }} NumberName
 * @typedef {{ title: string, sum: string, note: string }} Words
 * @typedef {{ quantity: number, total: number }} Change
 *
 * @typedef {object} Reason
 * @property {Field} field
 * @property {string | null} sku
 * @property {number} value
 * @property {(version: number) => { words: string, value: number }} term
 * @property {(version: number) => boolean} isHighlighted
 * @property {(version: number) => boolean} isTerm Whether the event counts at its own version or
 *   later.
 * @property {() => number[]} versions The versions of the terms, ascending, possibly many
 *   thousands.
 * @property {() => Words} words
 */

import { amount, signed } from "../page/format.js";
import { countUpTo } from "./event_list.js";
import { unitsOf } from "../page/event_types.js";
import { visibleLines } from "./fold.js";

/**
 * @import { Moment } from "./moment.js"
 * @import { Line, State } from "./fold.js"
 */

/** A longer sum is shortened in its middle; the ledger below has all terms. */
const WRITTEN = 14;
const LINES_WRITTEN = 6;

/**
 * Parses a number's name, or returns `null`. A sku can contain dots.
 * @param {string | null} why
 * @returns {NumberName | null}
 */
export function numberNamed(why) {
  if (why === "items_total" || why === "discount" || why === "total")
    return { sku: null, field: why };
  const [, sku, field] = /^(.+)\.(quantity|total)$/.exec(why ?? "") ?? [];
  return sku ? { sku, field: field === "quantity" ? field : "total" } : null;
}

/**
 * The reason of number `why` in `moment`, or `null` for an unknown number. Terms and words are
 * computed on demand: while scrubbing only the highlights are needed.
 * @param {string} why
 * @param {Moment} moment
 * @returns {Reason | null}
 */
export function reasonOf(why, moment) {
  const number = numberNamed(why);
  if (!number) return null;
  const { eventList, version, state } = moment;
  const { sku, field } = number;
  const { supposed, hypothetical } = moment;
  const isMadeUp = sku !== null && supposed.events.some(({ data }) => data.sku === sku);
  const moves = sku
    ? (eventList.movesBySku.get(sku) ?? (isMadeUp ? [] : undefined))
    : eventList.moves;
  if (!moves) return null;
  const madeUp = supposed.versions;
  const withDiscount = !sku && (field === "discount" || field === "total");
  const line = sku ? state.allLines.find((line) => line.sku === sku) : undefined;

  /** @param {number} at */
  const numberAt = (at) => numberIn(moment.fold.at(at), number);
  /**
   * The effect of an event on the number. Any event that changes the subtotal can change the
   * discount. In a what-if a removal may find fewer units: its effect there counts, with what is
   * made up there.
   * @param {number} it
   */
  const effectOf = (it) => {
    if (hypothetical) return isRelevant(it) ? numberAt(it) - numberAt(it - 1) : 0;
    const discount = withDiscount ? moment.fold.discountAt(it) - moment.fold.discountAt(it - 1) : 0;
    if (field === "discount") return discount;
    if (unitsOf(eventList.event(it)) === 0) return -discount;
    const change = movedBy(eventList.event(it));
    return (field === "quantity" ? change.quantity : change.total) - discount;
  };
  const candidates = () => {
    if (!withDiscount && !madeUp.size) return moves;
    const all = new Set([...moves, ...(withDiscount ? eventList.promotions : []), ...madeUp]);
    return [...all].sort((one, other) => one - other);
  };
  const versions = () => {
    const all = candidates();
    return all.slice(0, countUpTo(all, version)).filter((it) => effectOf(it) !== 0);
  };

  /** @param {number} it */
  const isRelevant = (it) => {
    const event = eventList.event(it);
    return (
      madeUp.has(it) ||
      (withDiscount
        ? unitsOf(event) !== 0 || event.type.startsWith("Promotion")
        : unitsOf(event) !== 0 && (!sku || event.data.sku === sku))
    );
  };
  /** @param {number} it */
  const isTerm = (it) => isRelevant(it) && effectOf(it) !== 0;
  /** @param {number} it */
  const isHighlighted = (it) => it <= version && isTerm(it);
  /** @param {number} it */
  const term = (it) => ({ words: sentenceAt(moment, it), value: effectOf(it) });

  const value =
    field === "quantity" ? (line?.quantity ?? 0) : sku ? (line?.total ?? 0) : state[field];
  return {
    field,
    sku,
    value,
    term,
    isHighlighted,
    isTerm,
    versions,
    words: () => words(number, moment, line, () => versions().map(effectOf)),
  };
}

/** @param {Api.Event} event @returns {Change} */
function movedBy(event) {
  const quantity = unitsOf(event);
  return { quantity, total: quantity * event.data.unit_price };
}

/**
 * @param {State} state
 * @param {NumberName} number
 */
function numberIn(state, { sku, field }) {
  if (!sku) return field === "quantity" ? 0 : state[field];
  const line = state.allLines.find((it) => it.sku === sku);
  return (field === "quantity" ? line?.quantity : line?.total) ?? 0;
}

/**
 * What happens at a version, in a what-if with what it makes up.
 * @param {Moment} moment
 * @param {number} version
 */
export function sentenceAt({ eventList, without, supposed }, version) {
  const made = supposed.events.filter((event) => event.version === version);
  const isGone = without.includes(version) || made.some((event) => event.replaces);
  const sentences = made.map(({ sentence }) => `supposed: ${sentence}`);
  return (
    isGone && made.length ? sentences : [eventList.event(version).sentence, ...sentences]
  ).join("; ");
}

/**
 * @param {NumberName} number
 * @param {Moment} moment
 * @param {Line | undefined} line
 * @param {() => number[]} quantities
 * @returns {Words}
 */
function words({ sku, field }, { eventList, state }, line, quantities) {
  const { currency } = eventList;
  /** @param {number} minor */
  const write = (minor) => amount(minor, currency);
  const name =
    line?.name ??
    (sku && eventList.event(eventList.movesBySku.get(sku)?.[0] ?? 1).data.name) ??
    sku;
  if (field === "quantity") {
    return {
      title: `Quantity of ${name}`,
      sum: `${shortened(quantities().map(signed))} = ${line?.quantity ?? 0}`,
      note: "All additions and removals.",
    };
  }
  if (sku) {
    const lots = line?.lots ?? [];
    const terms = lots.map((lot) => `${lot.quantity} × ${write(lot.unit_price)}`);
    return {
      title: `Total of ${name}`,
      sum: `${terms.join(" + ") || "0"} = ${write(line?.total ?? 0)}`,
      note: "Every unit keeps the price it was added at; the newest are removed first.",
    };
  }
  if (field === "items_total") {
    const lines = visibleLines(state);
    const terms = lines.slice(0, LINES_WRITTEN).map((line) => `${line.name} ${write(line.total)}`);
    if (lines.length > LINES_WRITTEN)
      terms.push(
        `${lines.length - LINES_WRITTEN} more lines ` +
          `${write(lines.slice(LINES_WRITTEN).reduce((sum, line) => sum + line.total, 0))}`,
      );
    return {
      title: "Subtotal",
      sum: `${terms.join(" + ") || "0"} = ${write(state.items_total)}`,
      note: "The sum of all lines. Below: every addition and removal.",
    };
  }
  const { promotion, promotion_before } = state;
  const replaced =
    promotion && promotion_before ? ` ${promotion.code} replaced ${promotion_before}.` : "";
  if (field === "discount") {
    if (!promotion)
      return {
        title: "Discount",
        sum: "no promotion = 0",
        note: "No promotion applies at this version.",
      };
    if (promotion.percent !== undefined)
      return {
        title: "Discount",
        sum: `${promotion.percent}% of ${write(state.items_total)} = ${write(state.discount)}`,
        note: `Rounded half up to the currency's smallest unit.${replaced}`,
      };
    const { amount: fixed = 0 } = promotion;
    const capped =
      fixed > state.items_total ? `, at most the subtotal ${write(state.items_total)}` : "";
    return {
      title: "Discount",
      sum: `a fixed ${write(fixed)}${capped} = ${write(state.discount)}`,
      note: `Never more than the subtotal.${replaced}`,
    };
  }
  return {
    title: "Total",
    sum: `${write(state.items_total)} − ${write(state.discount)} = ${write(state.total)}`,
    note: `Subtotal less discount. Below: what each event added or removed.${replaced}`,
  };
}

/** @param {string[]} terms */
function shortened(terms) {
  if (terms.length <= WRITTEN) return terms.join(" ") || "0";
  const half = WRITTEN / 2 - 1;
  return [
    ...terms.slice(0, half),
    `… ${terms.length - 2 * half} more …`,
    ...terms.slice(-half),
  ].join(" ");
}
