/**
 * A write-ahead log in miniature: lines of text, each with its checksum, and the recovery of a
 * table from any prefix of them.
 */

/**
 * @typedef {{ from: string | null, to: string, amount: number }} Transaction Without `from`, a
 *   deposit.
 * @typedef {Map<string, number>} Table Balances by account.
 * @typedef {"redone" | "discarded" | "torn" | "lost"} Fate
 * @typedef {{ table: Table, committed: number, fates: Fate[] }} Recovery
 */

const CRC_TABLE = [...Array(256).keys()].map((byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc >>> 0;
});

/**
 * CRC-32 (ISO 3309) of ASCII text, as eight hexadecimal digits.
 * @param {string} text
 */
export function checksum(text) {
  let crc = 0xffffffff;
  for (const character of text)
    crc = CRC_TABLE[(crc ^ character.charCodeAt(0)) & 0xff] ^ (crc >>> 8);
  return ((crc ^ 0xffffffff) >>> 0).toString(16).padStart(8, "0");
}

/** @param {string} text */
const line = (text) => `${text} ${checksum(text)}\n`;

/**
 * The lines of a transaction: each row that it writes, then its commit. Throws why it is refused.
 * @param {Table} table
 * @param {Transaction} transaction
 * @param {number} number The number of its first line.
 */
export function linesOf(table, { from, to, amount }, number) {
  if (!Number.isInteger(amount) || amount < 1 || amount > 1_000_000)
    throw new Error("Enter a whole amount from 1 to 1,000,000.");
  if (from === to) throw new Error("Choose two different accounts.");
  /** @type {[string, number][]} */
  const rows = [[to, (table.get(to) ?? 0) + amount]];
  if (from) {
    const rest = (table.get(from) ?? 0) - amount;
    if (rest < 0) throw new Error(`${from} has only ${table.get(from) ?? 0}.`);
    rows.unshift([from, rest]);
  }
  // A line holds the new row, not the difference: redoing it twice does no harm.
  const writes = rows.map(([account, balance], index) =>
    line(`${number + index} write ${account} ${balance}`),
  );
  return [...writes, line(`${number + rows.length} commit`)];
}

/**
 * Recovers the table from what is left of the log: rows count once their commit is there. A line
 * that is cut, or whose checksum differs, ends the log.
 * @param {string[]} lines
 * @param {number} left How many characters are left.
 * @returns {Recovery}
 */
export function recover(lines, left) {
  /** @type {Recovery} */
  const recovery = { table: new Map(), committed: 0, fates: [] };
  /** @type {[string, number][]} */
  let pending = [];
  let open = 0;
  let end = 0;
  for (const [index, whole] of lines.entries()) {
    const start = end;
    end += whole.length;
    const text = whole.slice(0, Math.max(left - start, 0));
    const [, content, sum] = /^(.*) (\w{8})\n$/.exec(text) ?? [];
    if (content === undefined || checksum(content) !== sum) {
      recovery.fates.push(text ? "torn" : "lost");
      continue;
    }
    const [, kind, account, balance] = content.split(" ");
    recovery.fates.push("discarded");
    if (kind === "write") pending.push([account, Number(balance)]);
    else {
      for (const [key, value] of pending) recovery.table.set(key, value);
      recovery.fates.fill("redone", open);
      recovery.committed += 1;
      pending = [];
      open = index + 1;
    }
  }
  return recovery;
}
