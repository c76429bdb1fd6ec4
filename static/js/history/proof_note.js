/**
 * Checkpoints and proofs as the service publishes them: C2SP signed-note, tlog-checkpoint,
 * tlog-proof.
 */

import { fromBase64, isEqual, sha256 } from "./proof_tree.js";

/**
 * @typedef {{ name: string, id: Uint8Array, public: Uint8Array<ArrayBuffer> }} VerifierKey
 * @typedef {import("./proof_tree.js").TreeHead & { origin: string, text: string, note: string }}
 *   Checkpoint
 * @typedef {{ event: Uint8Array<ArrayBuffer>, index: number, path: Uint8Array<ArrayBuffer>[],
 *   checkpoint: Checkpoint }} EventProof
 */

const ED25519 = 1;

/**
 * A key in the form NAME+ID+KEY, whose id follows from the others.
 * @param {string} text
 * @returns {Promise<VerifierKey>}
 */
export async function readKey(text) {
  const [name, id, ...rest] = text.trim().split("+");
  const typed = fromBase64(rest.join("+"));
  const own = (await sha256(new TextEncoder().encode(`${name}\n`), typed)).slice(0, 4);
  if (
    typed[0] !== ED25519 ||
    typed.length !== 33 ||
    parseInt(id, 16) !== new DataView(own.buffer).getUint32(0)
  )
    throw new Error("The service’s verifier key is malformed.");
  return { name, id: own, public: typed.slice(1) };
}

/**
 * A checkpoint, its signatures not verified.
 * @param {string} note
 * @returns {Checkpoint}
 */
export function readCheckpoint(note) {
  const text = note.slice(0, note.lastIndexOf("\n\n") + 1);
  const [origin, size, root] = text.split("\n");
  if (!origin || !/^(0|[1-9]\d{0,15})$/.test(size) || !root)
    throw new Error("The service’s checkpoint is malformed.");
  return { origin, size: Number(size), root: fromBase64(root), text, note };
}

/**
 * A proof of an event, not checked.
 * @param {string} text
 * @returns {EventProof}
 */
export function readProof(text) {
  const end = text.indexOf("\n\n");
  const [format, extra, index, ...path] = text.slice(0, end).split("\n");
  if (
    format !== "c2sp.org/tlog-proof@v1" ||
    !extra.startsWith("extra ") ||
    !/^index \d{1,15}$/.test(index)
  )
    throw new Error("The service’s proof is malformed.");
  return {
    event: fromBase64(extra.slice(6)),
    index: Number(index.slice(6)),
    path: path.map(fromBase64),
    checkpoint: readCheckpoint(text.slice(end + 2)),
  };
}

/**
 * Whether `key` has signed the checkpoint; null if this browser cannot tell.
 * @param {Checkpoint} checkpoint
 * @param {VerifierKey} key
 */
export async function isSigned({ origin, text, note }, key) {
  if (origin !== key.name) return false;
  const lines = note.slice(text.length + 1).split("\n");
  const signatures = lines
    .filter((line) => line.startsWith(`— ${key.name} `))
    .map((line) => fromBase64(line.slice(key.name.length + 3)));
  const own = signatures.find((signature) => isEqual(signature.slice(0, 4), key.id));
  if (!own) return false;
  try {
    const imported = await crypto.subtle.importKey("raw", key.public, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify(
      "Ed25519",
      imported,
      own.slice(4),
      new TextEncoder().encode(text),
    );
  } catch {
    return null;
  }
}
