/** Formats amounts in minor units and times in UTC. Amounts are never added as floats. */

import { decimals } from "./currencies.js";

const LOCALE = "en-IE";
/** @type {Map<string, { written: Intl.NumberFormat, unit: number }>} */
const formats = new Map();

/**
 * @param {string} currency
 * @param {"symbol" | ""} currencyDisplay
 */
function format(currency, currencyDisplay) {
  const key = `${currency} ${currencyDisplay}`;
  const known = formats.get(key);
  if (known) return known;
  /** @type {Intl.NumberFormatOptions} */
  const style = currencyDisplay
    ? { style: "currency", currency, currencyDisplay }
    : { style: "decimal" };
  // Locale data has other numbers of digits, such as none for HUF and IDR.
  const digits = decimals(currency);
  const written = new Intl.NumberFormat(LOCALE, {
    ...style,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  const created = { written, unit: 10 ** digits };
  formats.set(key, created);
  return created;
}

/**
 * `€19.99`
 * @param {number} minor
 * @param {string} currency
 */
export function money(minor, currency) {
  const { written, unit } = format(currency, "symbol");
  return written.format(minor / unit);
}

/**
 * `19.99`, for sums, where the currency would be noise.
 * @param {number} minor
 * @param {string} currency
 */
export function amount(minor, currency) {
  const { written, unit } = format(currency, "");
  return written.format(minor / unit);
}

/**
 * An amount as it is typed, such as `19.99` or `20`, in minor units; `null` if it is none.
 * @param {string} text
 * @param {string} currency
 */
export function parseAmount(text, currency) {
  const digits = decimals(currency);
  const [, whole, fraction = ""] = /^(\d{1,10})(?:[.,](\d*))?$/.exec(text.trim()) ?? [];
  if (whole === undefined || fraction.length > digits) return null;
  return Number(whole + fraction.padEnd(digits, "0"));
}

/**
 * `+19.99` or `−19.99`
 * @param {number} minor
 * @param {string} currency
 */
export const signedAmount = (minor, currency) =>
  (minor < 0 ? "−" : "+") + amount(Math.abs(minor), currency);

/**
 * `19.99 euro`, for screen readers.
 * @param {number} minor
 * @param {string} currency
 */
export function spokenMoney(minor, currency) {
  const name = new Intl.DisplayNames("en", { type: "currency" }).of(currency) ?? currency;
  return `${amount(minor, currency)} ${name.includes(" ") ? name : name.toLowerCase()}`;
}

/**
 * `+2` or `−1`, with a real minus sign.
 * @param {number} number
 */
export function signed(number) {
  return number < 0 ? `−${-number}` : `+${number}`;
}

const clock = new Intl.DateTimeFormat("en-IE", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const day = new Intl.DateTimeFormat("en-IE", { day: "numeric", month: "short", year: "numeric" });

/**
 * `14:03:22`
 * @param {string} iso
 */
export const timeOfDay = (iso) => clock.format(new Date(iso));

/**
 * `4 Mar 2026, 14:03:22`
 * @param {string} iso
 */
export const fullTime = (iso) => `${day.format(new Date(iso))}, ${timeOfDay(iso)}`;

/**
 * A duration in its largest unit: `350 ms`, `12 s`, `3 min`.
 * @param {number} ms
 */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

/**
 * How long after `from` `to` is; clocks of several nodes may differ.
 * @param {string} from
 * @param {string} to
 */
export const between = (from, to) => duration(Math.max(Date.parse(to) - Date.parse(from), 0));

/**
 * `1 event`, `1,024 events`
 * @param {number} number
 * @param {string} noun
 */
export const count = (number, noun) =>
  `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

/**
 * `34%` of a share between 0 and 1, with a digit more where it is small.
 * @param {number} share
 */
export const percent = (share) => `${(share * 100).toFixed(share && share < 0.1 ? 1 : 0)}%`;
