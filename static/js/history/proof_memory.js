/**
 * The last checkpoint that this browser has seen of the shop's log. On the next visit the shop has
 * to prove that its log extends it.
 */

import { loadItem, storeItem } from "../page/storage.js";
import { get, isTemporary, Problem } from "../service/request.js";
import { isSigned, readCheckpoint, readKey } from "./proof_note.js";
import { fromHex, isExtension } from "./proof_tree.js";

/**
 * @typedef {{ note: string, key: string, seenAt: string }} Seen
 * @typedef {{ state: "good" | "waiting" | "bad" | "none", words: string }} Verdict
 */

const SEEN = "cartlog.checkpoint";
const ATTEMPTS = 4;
const ATTEMPT_MS = 1_000;

/** @type {Intl.DateTimeFormatOptions} */
const day = { day: "numeric", month: "long", year: "numeric" };

/** @param {string} path */
const text = async (path) =>
  /** @type {string} */ ((await get(path, { accept: "text/plain" })).body);

export const getKey = () => text("/log/key");

/** @returns {Seen | null} */
function load() {
  try {
    return JSON.parse(loadItem(SEEN) ?? "null");
  } catch {
    return null;
  }
}

/**
 * Keeps a checkpoint that was verified.
 * @param {string} note
 * @param {string} key
 */
function keep(note, key) {
  storeItem(SEEN, JSON.stringify({ note, key, seenAt: new Date().toISOString() }));
}

/**
 * Checks that today's log extends the one that this browser saw last, and keeps the newest
 * checkpoint. What contradicts it is kept as it was.
 * @returns {Promise<Verdict>}
 */
export async function checkSeen() {
  const seen = load();
  const since = seen && new Date(seen.seenAt).toLocaleDateString("en-GB", day);
  if (!globalThis.crypto?.subtle)
    return { state: "none", words: "Signature not checked: this needs HTTPS" };
  try {
    const key = await getKey();
    const { note, newest } = await getNewest(seen);
    const signed = await isSigned(newest, await readKey(key));
    if (signed === false) return { state: "bad", words: "The checkpoint’s signature is wrong" };
    if (seen) {
      if (seen.key !== key)
        return { state: "bad", words: `The shop signs with another key than on ${since}` };
      if (!(await extendsSeen(readCheckpoint(seen.note), newest)))
        return { state: "bad", words: `The shop has rewritten what you saw on ${since}` };
    }
    if (signed === null)
      return { state: "none", words: "Signature not checked: this browser lacks Ed25519" };
    if (!seen || readCheckpoint(seen.note).size < newest.size) keep(note, key);
    return { state: "good", words: seen ? `Nothing rewritten since ${since}` : "Log is signed" };
  } catch (error) {
    const slug = error instanceof Problem ? error.slug : "";
    if (slug === "operator-only")
      return { state: "none", words: "Checkpoints are for the operator only" };
    if (slug === "log-not-signed")
      return since
        ? { state: "bad", words: `The shop can’t prove that it kept what you saw on ${since}` }
        : { state: "none", words: "The shop does not sign its log" };
    if (isTemporary(error)) return { state: "waiting", words: "Couldn’t get a signed checkpoint" };
    return { state: "bad", words: error.message };
  }
}

/**
 * The newest checkpoint. Of nodes that share a log, one may be a moment behind the one that was
 * seen.
 * @param {Seen | null} seen
 */
async function getNewest(seen) {
  for (let attempt = 1; ; attempt++) {
    const note = await text("/log/checkpoint");
    const newest = readCheckpoint(note);
    if (!seen || newest.size >= readCheckpoint(seen.note).size || attempt === ATTEMPTS)
      return { note, newest };
    await new Promise((resolve) => setTimeout(resolve, ATTEMPT_MS));
  }
}

/**
 * @param {import("./proof_note.js").Checkpoint} seen
 * @param {import("./proof_note.js").Checkpoint} newest
 */
async function extendsSeen(seen, newest) {
  if (newest.size < seen.size || newest.origin !== seen.origin) return false;
  if (newest.size === seen.size) return isExtension(seen, newest, []);
  const { body } = await get(`/log/proof/consistency?from=${seen.size}&to=${newest.size}`);
  return isExtension(seen, newest, body.hashes.map(fromHex));
}
