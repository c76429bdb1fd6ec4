/**
 * Live-region announcements, toasts, and the notice of a lost connection. Toasts and notice are
 * popovers, which are drawn above a modal dialog too.
 */

import { byId, element, setText } from "./element.js";

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
 * Shows how a check is: `good`, `waiting` or `bad`.
 * @param {HTMLElement} indicator
 * @param {"good" | "waiting" | "bad"} state
 * @param {string} words
 */
export function showIndicator(indicator, state, words) {
  indicator.dataset.state = state;
  setText(indicator.children[0], { good: "✓", waiting: "…", bad: "!" }[state]);
  setText(indicator.children[1], words);
}

const STAYS_MS = 6000;

/**
 * Shows `text` for a few seconds.
 * @param {string} text
 */
export function toast(text) {
  const stack = byId("toasts");
  const shown = element("p", { class: "toast", testid: "toast" }, text);
  stack.append(shown);
  // Reopening moves the stack above a dialog that was opened since.
  stack.togglePopover(false);
  stack.togglePopover(true);
  announce(text);
  setTimeout(() => {
    shown.remove();
    if (!stack.childElementCount) stack.togglePopover(false);
  }, STAYS_MS);
}

/**
 * Shows that the connection is lost. `tryNow` is what the button does.
 * @param {string} text
 * @param {() => void} tryNow
 */
export function connectionLost(text, tryNow) {
  const notice = byId("offline");
  byId("offline-retry").onclick = tryNow;
  if (byId("offline-words").textContent !== text) {
    setText(byId("offline-words"), text);
    announce(text);
  }
  // Inside an open dialog the button stays usable; outside it would be inert.
  const home = document.querySelector("dialog[open]") ?? document.body;
  if (notice.parentNode !== home) home.append(notice);
  notice.togglePopover(true);
}

export function connectionBack() {
  if (!byId("offline").matches(":popover-open")) return;
  byId("offline").hidePopover();
  setText(byId("offline-words"), "");
  announce("Back online.");
}
