/**
 * Live-region announcements, toasts, what is said about a part of a cart, and the notice of a lost
 * connection.
 */

import { byId, element, setText } from "./element.js";
import { retryNow } from "../service/retry.js";

/** @import { StreamState } from "../service/stream.js" */

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * Reads `text` out to screen readers.
 * @param {string} text
 */
export function announce(text) {
  clearTimeout(timer);
  // A short pause lets a burst of changes end, so that only the last one is read.
  timer = setTimeout(() => {
    const dialog = document.querySelector("dialog[open] [data-live]");
    const region = dialog ?? document.querySelector("body > [data-live]");
    if (!region) return;
    // The same words twice would not be a change: a trailing no-break space makes them one.
    region.textContent = region.textContent === text ? `${text}\u00a0` : text;
  }, 120);
}

/**
 * Shows how a check is: `good`, `waiting`, `bad`, or `none` if it cannot be made here.
 * @param {HTMLElement} indicator
 * @param {"good" | "waiting" | "bad" | "none"} state
 * @param {string} words
 */
export function showIndicator(indicator, state, words) {
  indicator.dataset.state = state;
  setText(indicator.children[0], { good: "✓", waiting: "…", bad: "!", none: "–" }[state]);
  setText(indicator.children[1], words);
}

/**
 * Shows how a line or the promotion differs from what the shop sells today.
 * @param {HTMLElement} node
 * @param {Api.CartNotice | undefined} notice
 */
export function showNotice(node, notice) {
  setText(node, notice?.detail ?? "");
  node.classList.toggle("refusal", notice?.blocks_checkout ?? false);
}

/**
 * Shows the refusals of `places`, with a button to start a new cart where that is the way on.
 * Returns whether there is a new one.
 * @param {HTMLElement} node
 * @param {{ refusalAt: (place: string) => string, forNewCart: Map<string, unknown>, startOver: ()
 *   => void }} cart
 * @param {string[]} places
 */
export function showRefusal(node, cart, ...places) {
  const words = places
    .map((place) => cart.refusalAt(place))
    .filter(Boolean)
    .join(" ");
  // An unchanged alert must not be read out again.
  if (node.dataset.words === words) return false;
  node.dataset.words = words;
  node.replaceChildren(words);
  if (words && places.some((place) => cart.forNewCart.has(place)))
    node.append(
      " ",
      element(
        "button",
        {
          class: "link-button",
          type: "button",
          testid: "new-cart",
          on: { click: () => cart.startOver() },
        },
        "Start a new cart",
      ),
    );
  return words !== "";
}

const STAYS_MS = 6000;

/**
 * Shows `text` for a few seconds.
 * @param {string} text
 */
export function toast(text) {
  const shown = element("p", { class: "toast", testid: "toast" }, text);
  placeNotices();
  byId("toasts").append(shown);
  announce(text);
  setTimeout(() => shown.remove(), STAYS_MS);
}

/**
 * Moves the notices into the open dialog, outside of which everything is inert, or back to the
 * page.
 */
export function placeNotices() {
  const home = document.querySelector("dialog[open] [data-notices]") ?? document.body;
  const notices = byId("notices");
  if (notices.parentNode !== home) home.append(notices);
}

/** @typedef {{ words: string, tryNow: () => void }} Reason */

/**
 * Why the notice is shown: the connection is lost, or only live updates are off.
 * @type {Record<"lost" | "off", Reason | null>}
 */
const reasons = { lost: null, off: null };

/**
 * Shows that the connection is lost. `tryNow` is what the button does.
 * @param {string} words
 * @param {() => void} [tryNow]
 */
export function connectionLost(words, tryNow = retryNow) {
  reasons.lost = { words, tryNow };
  showReason();
}

export function connectionBack() {
  if (!reasons.lost) return;
  reasons.lost = null;
  showReason();
}

/**
 * Shows that a stream is lost or off, and why, or that it is live again.
 * @param {StreamState} state
 * @param {string} [lost]
 */
export function showStream({ is, why = "" }, lost = "Connection lost. Reconnecting…") {
  reasons.off = is === "off" ? { words: why, tryNow: retryNow } : null;
  reasons.lost = is === "lost" ? { words: lost, tryNow: retryNow } : null;
  showReason();
}

function showReason() {
  const { words, tryNow } = reasons.lost ?? reasons.off ?? { words: "", tryNow: null };
  byId("offline").hidden = !words;
  byId("offline-retry").onclick = tryNow;
  if (byId("offline-words").textContent === words) return;
  placeNotices();
  setText(byId("offline-words"), words);
  announce(words || "Back online.");
}
