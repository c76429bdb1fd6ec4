/** Writing amounts: integers of minor units become what people read. No number here is a float sum. */

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

/** `19.99 euro`, for the ear. */
export function spokenMoney(minor, currency) {
  const name = new Intl.DisplayNames("en", { type: "currency" }).of(currency);
  return `${amount(minor, currency)} ${name.includes(" ") ? name : name.toLowerCase()}`;
}

/** `+2` or `−1`, with a real minus sign. */
export function signed(number) {
  return number < 0 ? `−${-number}` : `+${number}`;
}
