/** The figures: each turns the response of a query into words, a chart and a table. */

import { element } from "../page/element.js";
import { kindOf, TYPES } from "../page/event_types.js";
import { count, fullTime, money, percent, duration } from "../page/format.js";
import { bars, strips } from "./figure.js";

/**
 * @import { Figure } from "./figure.js"
 * @import { Activity } from "./queries.js"
 */

/** How many rows a chart shows; the table has all. */
const DRAWN = 8;
const PRODUCTS = 18;

/** @param {number} at In milliseconds. */
const iso = (at) => new Date(at).toISOString();

const dayOf = new Intl.DateTimeFormat("en-IE", { day: "numeric", month: "short", timeZone: "UTC" });
const minuteOf = new Intl.DateTimeFormat("en-IE", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

/**
 * @param {Figure} figure
 * @param {Activity} activity
 */
export function showActivity(figure, { step, size, first, last, items }) {
  const write = step === "day" ? dayOf : minuteOf;
  /** @param {number} at */
  const when = (at) => write.format(at);
  // A type of a later release is shown under its own name.
  const types = new Set([
    ...Object.keys(TYPES),
    ...items.flatMap((item) => Object.keys(item.events)),
  ]);
  const rows = [...types]
    .map((type) => {
      const points = items
        .filter((item) => item.events[type])
        .map(({ at, events }) => ({ at, value: events[type] ?? 0 }));
      return {
        type,
        name: TYPES[type] ?? type,
        kind: kindOf({ type }),
        points,
        total: points.reduce((sum, point) => sum + point.value, 0),
      };
    })
    .filter((row) => row.total);
  const all = rows.reduce((sum, row) => sum + row.total, 0);
  const zone = step === "day" ? " Days begin at midnight UTC." : "";
  figure.show({
    words: all
      ? `${count(all, "event")}, by ${step}. Each row has its own scale, peak at right.${zone}`
      : "No events in this period.",
    draw:
      all && first !== undefined && last !== undefined
        ? (width) => strips(width, rows, { first, last, step: size }, when)
        : null,
    head: ["Time", ...rows.map(({ name }) => `#${name}`)],
    rows: items
      .map(({ at, events }) => [
        element(
          "a",
          {
            href: `/history?from=${iso(at)}&to=${iso(at + size)}`,
          },
          when(at),
        ),
        ...rows.map(({ type }) => events[type] ?? 0),
      ])
      .reverse(),
  });
}

/**
 * @param {Figure} figure
 * @param {Api.Funnel} numbers
 * @param {string} idleAfter
 */
export function showFunnel(figure, numbers, idleAfter) {
  /** @type {[string, number, string][]} */
  const stages = [
    ["Opened", numbers.opened, "opened"],
    ["Filled", numbers.filled, "added"],
    ["Checked out", numbers.checked_out, "closed"],
    ["Expired", numbers.expired, "other"],
    ["Abandoned", numbers.idle, "removed"],
  ];
  /** @param {number} value */
  const share = (value) => (numbers.opened ? percent(value / numbers.opened) : "");
  const { median_ms, p90_ms } = numbers.time_to_checkout;
  const paid =
    median_ms === null
      ? ""
      : ` Time to order: median ${duration(median_ms)}, p90 ${duration(p90_ms ?? median_ms)}.`;
  figure.show({
    words: numbers.opened
      ? `${count(numbers.opened, "cart")} opened, ${share(numbers.checked_out)} checked ` +
        `out.${paid} Abandoned: open and idle since ${fullTime(idleAfter)} or earlier.`
      : "No carts opened in this period.",
    draw: numbers.opened
      ? (width) =>
          bars(
            width,
            stages.map(([name, value, kind]) => ({ name, values: [value], kind })),
            [{ name: "carts" }],
            { write: (value) => `${value.toLocaleString("en")} · ${share(value)}` },
          )
      : null,
    head: ["Stage", "#Carts", "#Share"],
    rows: numbers.opened ? stages.map(([name, value]) => [name, value, share(value)]) : [],
  });
}

const MOVES = [
  { name: "added", kind: "added" },
  { name: "removed", kind: "removed" },
  { name: "bought", kind: "closed" },
];

/**
 * @param {Figure} figure
 * @param {Api.ProductNumbers[]} products
 */
export function showProducts(figure, products) {
  const best = products.slice(0, PRODUCTS);
  const left = products.length > best.length;
  const top = left ? `; top ${PRODUCTS} of ${products.length} by units added` : "";
  figure.show({
    words: products.length ? `Units${top}.` : "No products added yet.",
    series: MOVES,
    draw: best.length
      ? (width) =>
          bars(
            width,
            best.map((product) => ({
              name: product.name,
              values: [product.units_added, product.units_removed, product.units_bought],
            })),
            MOVES,
          )
      : null,
    head: ["Product", "#Carts", "#Added", "#Removed", "#Bought", "#Carts that bought", "#Revenue"],
    rows: products.map((it) => [
      journalOf(it),
      it.carts,
      it.units_added,
      it.units_removed,
      it.units_bought,
      it.carts_bought,
      money(it.revenue, it.currency),
    ]),
  });
}

const DOUBTS = [
  { name: "removed", kind: "removed" },
  { name: "re-added", kind: "added" },
];

/**
 * @param {Figure} figure
 * @param {Api.ProductNumbers[]} products
 */
export function showHesitated(figure, products) {
  const some = products.filter((product) => product.given_up);
  const best = some.slice(0, DRAWN);
  figure.show({
    words: some.length
      ? "How often the last unit was removed from a cart, and how often the product was re-added."
      : "No product has been removed yet.",
    series: DOUBTS,
    draw: best.length
      ? (width) =>
          bars(
            width,
            best.map((product) => ({
              name: product.name,
              values: [product.given_up, product.came_back],
            })),
            DOUBTS,
          )
      : null,
    head: ["Product", "#Carts", "#Removed", "#Re-added", "#Removed, of carts"],
    rows: some.map((it) => [
      journalOf(it),
      it.carts,
      it.given_up,
      it.came_back,
      percent(it.given_up / it.carts),
    ]),
  });
}

/**
 * @param {Figure} figure
 * @param {Api.Pairs} pairs
 * @param {(sku: string) => string} nameOf
 */
export function showPairs(figure, { checked_out, items }, nameOf) {
  const best = items.slice(0, DRAWN);
  /** @param {Api.Pair} pair */
  const names = ({ sku, with: other }) => `${nameOf(sku)} + ${nameOf(other)}`;
  figure.show({
    words: items.length
      ? `${count(checked_out, "order")}. Lift: how much likelier the two are together than by ` +
        "chance (1 = chance)."
      : "No order with two products yet.",
    draw: best.length
      ? (width) =>
          bars(
            width,
            best.map((pair) => ({ name: names(pair), values: [pair.carts], lift: pair.lift })),
            [{ name: "orders", kind: "closed" }],
            { long: true, write: (value, row) => `${value} · lift ${row.lift?.toFixed(1)}` },
          )
      : null,
    head: ["Pair", "#Orders", "#Support", "#Confidence", "#Lift"],
    rows: items.map((pair) => [
      names(pair),
      pair.carts,
      percent(pair.support),
      percent(pair.confidence),
      pair.lift.toFixed(2),
    ]),
  });
}

/**
 * @param {Figure} figure
 * @param {Api.AbandonedPage} page
 */
export function showAbandoned(figure, { items, next }) {
  /** @type {Map<string, number>} */
  const left = new Map();
  for (const { taken_out_last: last } of items)
    if (last) left.set(last.name, (left.get(last.name) ?? 0) + 1);
  const best = [...left].sort(([, one], [, other]) => other - one).slice(0, DRAWN);
  const many = next ? `the latest ${items.length}` : count(items.length, "cart");
  figure.show({
    span: "As of now",
    words: items.length
      ? `Idle open carts: ${many}. Bars show the product removed last.`
      : "No abandoned carts.",
    draw: best.length
      ? (width) =>
          bars(
            width,
            best.map(([name, value]) => ({ name, values: [value] })),
            [{ name: "carts", kind: "removed" }],
          )
      : null,
    head: ["Cart", "#Worth", "Idle since", "Last event", "Removed last"],
    rows: items.map((cart) => [
      element(
        "a",
        { href: `/history/${cart.cart_id}`, testid: `abandoned-${cart.cart_id}` },
        `…${cart.cart_id.slice(-8)}`,
      ),
      money(cart.total, cart.currency),
      fullTime(cart.idle_since),
      cart.last_event?.sentence ?? "",
      cart.taken_out_last
        ? `${cart.taken_out_last.quantity} × ${cart.taken_out_last.name}`
        : "nothing",
    ]),
  });
}

/** @param {Api.ProductNumbers} product */
const journalOf = ({ sku, name }) =>
  element("a", { href: `/history?sku=${encodeURIComponent(sku)}` }, name);
