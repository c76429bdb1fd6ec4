/**
 * Merkle trees as in RFC 6962, over SHA-256: leaves, and the verification of proofs (RFC 9162,
 * 2.1.3.2 and 2.1.4.2). Sizes stay below 2^53.
 */

/** @typedef {{ size: number, root: Uint8Array<ArrayBuffer> }} TreeHead */

/** @param {...Uint8Array} parts */
export async function sha256(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

/** @param {Uint8Array} hash An event's hash. */
export const leafHash = (hash) => sha256(Uint8Array.of(0), hash);

/**
 * @param {Uint8Array} left
 * @param {Uint8Array} right
 */
const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

/**
 * The root that `path` leads to from `leaf`, or null if the path has another length than the way.
 * @param {number} index
 * @param {number} size
 * @param {Uint8Array<ArrayBuffer>} leaf
 * @param {Uint8Array[]} path
 */
export async function rootOf(index, size, leaf, path) {
  if (index >= size) return null;
  let [node, last, hash] = [index, size - 1, leaf];
  for (const sibling of path) {
    if (last === 0) return null;
    if (node % 2 === 1 || node === last) {
      hash = await nodeHash(sibling, hash);
      // The last node of a level without a sibling is moved up as it is.
      for (; node !== 0 && node % 2 === 0; node /= 2) last = Math.floor(last / 2);
    } else hash = await nodeHash(hash, sibling);
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? hash : null;
}

/**
 * Whether `proof` shows that the tree `to` begins with the leaves of the tree `from`.
 * @param {TreeHead} from
 * @param {TreeHead} to
 * @param {Uint8Array<ArrayBuffer>[]} proof
 */
export async function isExtension(from, to, proof) {
  if (from.size >= to.size) return from.size === to.size && isEqual(from.root, to.root);
  if (from.size === 0) return true;
  let [node, last] = [from.size - 1, to.size - 1];
  for (; node % 2 === 1; node = (node - 1) / 2) last = Math.floor(last / 2);
  // A complete old tree is a subtree of the new one: its root is not in the proof.
  const [first, ...rest] = Number.isInteger(Math.log2(from.size)) ? [from.root, ...proof] : proof;
  if (!first) return false;
  let [older, newer] = [first, first];
  for (const hash of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      older = await nodeHash(hash, older);
      newer = await nodeHash(hash, newer);
      for (; node !== 0 && node % 2 === 0; node /= 2) last = Math.floor(last / 2);
    } else newer = await nodeHash(newer, hash);
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && isEqual(older, from.root) && isEqual(newer, to.root);
}

/**
 * @param {Uint8Array} one
 * @param {Uint8Array} other
 */
export const isEqual = (one, other) =>
  one.length === other.length && one.every((byte, index) => byte === other[index]);

/** @param {Uint8Array} bytes */
export const toHex = (bytes) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** @param {string} hex */
export const fromHex = (hex) =>
  Uint8Array.from(hex.match(/../g) ?? [], (digits) => parseInt(digits, 16));

/** @param {string} text */
export const fromBase64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
