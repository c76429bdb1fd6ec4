/**
 * The proof of the event shown, computed on this page: from its bytes to its hash, from there to
 * the root of the log's tree, and the signature of that. Each step is shown with its values.
 */

import { byId, element, onPress, setText } from "../page/element.js";
import { announce } from "../page/notices.js";
import { get } from "../service/request.js";
import { getKey } from "./proof_memory.js";
import { isSigned, readKey, readProof } from "./proof_note.js";
import { isEqual, leafHash, rootOf, sha256, toHex } from "./proof_tree.js";

/**
 * @import { EventList } from "./event_list.js"
 * @import { Moment } from "./moment.js"
 * @import { EventProof, VerifierKey } from "./proof_note.js"
 *
 * @typedef {{ state: "good" | "bad" | "none", title: string, words: string, values: [string,
 *   string][] }} Step
 */

const MARKS = { good: "✓", bad: "!", none: "–" };

export class ProofPanel {
  #eventList;
  #version = 0;
  /** @type {{ proof: EventProof, key: VerifierKey, keyText: string } | null} */
  #loaded = null;
  #isTampered = false;

  /** @param {EventList} eventList */
  constructor(eventList) {
    this.#eventList = eventList;
    onPress("proof-close", () => this.#close());
    onPress("proof-tamper", () => this.#tamper());
    onPress("proof-again", () => this.#load());
  }

  /** @param {number} version */
  async open(version) {
    this.#version = version;
    byId("proof").hidden = false;
    byId("proof").scrollIntoView({ block: "nearest" });
    byId("proof-title").focus();
    await this.#load();
  }

  /** @param {Moment} moment */
  show({ version }) {
    if (byId("proof").hidden || version === this.#version) return;
    this.#version = version;
    this.#load();
  }

  #close() {
    byId("proof").hidden = true;
    byId("proof-open").focus();
  }

  async #load() {
    const version = this.#version;
    const path = `/api/carts/${this.#eventList.id}/events/${version}/proof`;
    this.#loaded = null;
    this.#isTampered = false;
    setText(byId("proof-title"), `Proof of event ${version}`);
    byId("proof-file").setAttribute("href", path);
    byId("proof-file").setAttribute("download", `event-${version}.tlog-proof`);
    try {
      if (!globalThis.crypto?.subtle)
        throw new Error("This page must be loaded over HTTPS to compute hashes.");
      const { body } = await get(path, { accept: "text/plain" });
      const keyText = await getKey();
      const loaded = { proof: readProof(body), key: await readKey(keyText), keyText };
      if (version === this.#version) this.#loaded = loaded;
      await this.#render();
    } catch (error) {
      if (version === this.#version) this.#fail(error);
    }
  }

  /** @param {Error} error */
  #fail(error) {
    byId("proof-steps").replaceChildren();
    byId("proof-again").hidden = false;
    byId("proof-tamper").hidden = true;
    setText(byId("proof-words"), `Couldn’t get the proof. ${error.message}`);
  }

  #tamper() {
    this.#isTampered = !this.#isTampered;
    this.#render();
  }

  async #render() {
    const loaded = this.#loaded;
    if (!loaded) return;
    const steps = await this.#steps(loaded);
    if (loaded !== this.#loaded) return;
    byId("proof-again").hidden = true;
    byId("proof-tamper").hidden = false;
    setText(byId("proof-tamper"), this.#isTampered ? "Restore the byte" : "Tamper with one byte");
    byId("proof-tamper").ariaPressed = String(this.#isTampered);
    const root = byId("proof-steps");
    const open = [...root.querySelectorAll("details")].map((step) => step.open);
    root.replaceChildren(...steps.map((step, index) => shown(step, open[index] ?? false)));
    const broken = steps.filter(({ state }) => state === "bad").length;
    const words = broken
      ? `${broken} of ${steps.length} steps fail: this is not the event that was signed.`
      : steps.every(({ state }) => state === "good")
        ? "All steps hold: the event is in the signed log."
        : "The signature was not checked.";
    setText(
      byId("proof-words"),
      this.#isTampered ? `One byte of the event was changed on this page. ${words}` : words,
    );
    announce(byId("proof-words").textContent ?? "");
  }

  /**
   * @param {{ proof: EventProof, key: VerifierKey, keyText: string }} loaded
   * @returns {Promise<Step[]>}
   */
  async #steps({ proof, key, keyText }) {
    const event = this.#eventList.event(this.#version);
    const bytes = this.#isTampered ? tampered(proof.event) : proof.event;
    const text = new TextDecoder().decode(bytes);
    const hash = await sha256(bytes);
    const shownHere =
      toHex(hash) === event.hash &&
      text.startsWith(`${event.previous_hash}\n${event.cart_id}\n${event.version}\n`);
    const leaf = await leafHash(hash);
    const { checkpoint, index, path } = proof;
    const root = await rootOf(index, checkpoint.size, leaf, path);
    const isIncluded =
      index === event.position - 1 && root !== null && isEqual(root, checkpoint.root);
    const signed = await isSigned(checkpoint, key);
    return [
      {
        state: shownHere ? "good" : "bad",
        title: "Event → hash",
        words: shownHere
          ? "The event’s bytes have the hash that this page shows."
          : "The event’s bytes have another hash than this page shows.",
        values: [
          ["event", text],
          ["its SHA-256", toHex(hash)],
          ["shown hash", event.hash],
        ],
      },
      {
        state: isIncluded ? "good" : "bad",
        title: "Hash → leaf → root",
        words: isIncluded
          ? `With ${path.length} hashes beside it, the leaf leads to the signed root.`
          : "The leaf leads to another root than the signed one.",
        values: [
          ["leaf", toHex(leaf)],
          ["its place", `${index + 1} of ${checkpoint.size}`],
          ...path.map(
            (sibling, level) =>
              /** @type {[string, string]} */ ([`beside ${level + 1}`, toHex(sibling)]),
          ),
          ["root", root ? toHex(root) : "none"],
          ["signed root", toHex(checkpoint.root)],
        ],
      },
      {
        state: signed === null ? "none" : signed ? "good" : "bad",
        title: "Root → signature",
        words:
          signed === null
            ? "Not checked: this browser’s WebCrypto lacks Ed25519. Check the file with cartlog " +
              "proof check."
            : signed
              ? "The shop’s key signed this root."
              : "The shop’s key did not sign this root.",
        values: [
          ["checkpoint", checkpoint.note],
          ["key", keyText.trim()],
        ],
      },
    ];
  }
}

/**
 * The event with one byte changed, in its data.
 * @param {Uint8Array<ArrayBuffer>} event
 */
function tampered(event) {
  const bytes = event.slice();
  // The last digit of the data, which is the line before the last one.
  const end = bytes.lastIndexOf(10);
  const at = Math.max(
    bytes.slice(0, end).findLastIndex((byte) => byte >= 48 && byte <= 57),
    0,
  );
  bytes[at] = bytes[at] === 57 ? 56 : bytes[at] + 1;
  return bytes;
}

/**
 * @param {Step} step
 * @param {boolean} open
 */
function shown({ state, title, words, values }, open) {
  return element(
    "li",
    { class: "indicator proof-step", data: { state }, testid: "proof-step" },
    element("span", { class: "indicator-mark", "aria-hidden": "true" }, MARKS[state]),
    element(
      "details",
      { open },
      element("summary", {}, title, " ", element("span", { class: "soft" }, words)),
      element(
        "dl",
        { class: "facts" },
        ...values.map(([name, value]) =>
          element("div", {}, element("dt", {}, name), element("dd", {}, value)),
        ),
      ),
    ),
  );
}
