/** How much disk the node's files take, and how much is left. */

const UNITS = ["kB", "MB", "GB", "TB"];

/** @param {number} bytes */
function size(bytes) {
  const power = Math.min(Math.max(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), 1), UNITS.length);
  const number = bytes / 1000 ** power;
  const digits = { maximumSignificantDigits: 3 };
  return `${number.toLocaleString("en", digits)} ${UNITS[power - 1]}`;
}

/**
 * Leaves out what is not known.
 * @param {Api.Measurements} measurements
 * @returns {string}
 */
export function describeStorage({ log_bytes, log_wal_bytes, views_bytes, free_bytes }) {
  const ahead = log_wal_bytes === null ? "" : `, of which ${size(log_wal_bytes)} write-ahead log`;
  return [
    log_bytes === null ? "" : `log ${size(log_bytes)}${ahead}`,
    views_bytes === null ? "" : `views ${size(views_bytes)}`,
    free_bytes === null ? "" : `${size(free_bytes)} of disk free`,
  ]
    .filter(Boolean)
    .join("; ");
}
