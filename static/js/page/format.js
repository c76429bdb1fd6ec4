/** Writing amounts and times: minor units and UTC become what people read. No amount is a float sum. */

const LOCALE = "en-IE";
const formats = new Map();

function format(currency, currencyDisplay) {
  const key = `${currency} ${currencyDisplay}`;
  if (!formats.has(key)) {
    const style = currencyDisplay ? { style: "currency", currency, currencyDisplay } : { style: "decimal" };
    const { maximumFractionDigits: digits } = new Intl.NumberFormat(LOCALE, { style: "currency", currency }).resolvedOptions();
    const written = new Intl.NumberFormat(LOCALE, { ...style, minimumFractionDigits: digits, maximumFractionDigits: digits });
    formats.set(key, { written, unit: 10 ** digits });
  }
  return formats.get(key);
}

/** `€19.99` */
export function money(minor, currency) {
  const { written, unit } = format(currency, "symbol");
  return written.format(minor / unit);
}

/** `19.99`, for sums, where the currency would be noise. */
export function amount(minor, currency) {
  const { written, unit } = format(currency, "");
  return written.format(minor / unit);
}

/** `+19.99` or `−19.99` */
export const signedAmount = (minor, currency) => (minor < 0 ? "−" : "+") + amount(Math.abs(minor), currency);

/** `19.99 euro`, for the ear. */
export function spokenMoney(minor, currency) {
  const name = new Intl.DisplayNames("en", { type: "currency" }).of(currency);
  return `${amount(minor, currency)} ${name.includes(" ") ? name : name.toLowerCase()}`;
}

/** `+2` or `−1`, with a real minus sign. */
export function signed(number) {
  return number < 0 ? `−${-number}` : `+${number}`;
}

const clock = new Intl.DateTimeFormat("en-IE", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat("en-IE", { day: "numeric", month: "short", year: "numeric" });

/** `14:03:22` */
export const timeOfDay = (iso) => clock.format(new Date(iso));

/** `4 Mar 2026, 14:03:22` */
export const fullTime = (iso) => `${day.format(new Date(iso))}, ${timeOfDay(iso)}`;

/** How long something took, in the largest unit that says enough: `350 ms`, `12 s`, `3 min`. */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

/** `1 event`, `1,024 events` */
export const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

/** `34%` of a share between 0 and 1, with a digit more where it is small. */
export const percent = (share) => `${(share * 100).toFixed(share && share < 0.1 ? 1 : 0)}%`;
