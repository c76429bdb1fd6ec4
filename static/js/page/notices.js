/**
 * How a page speaks: aloud to those who hear it, in short words that pass, and about a lost
 * connection. What is shown lies in popovers, which are drawn above a modal dialog too.
 */

import { byId, element, setText } from "./element.js";

let timer;

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

/** Shows how a check is: `good`, `waiting` or `bad`. */
export function showIndicator(indicator, state, words) {
  indicator.dataset.state = state;
  setText(indicator.firstElementChild, { good: "✓", waiting: "…", bad: "!" }[state]);
  setText(indicator.lastElementChild, words);
}

const STAYS_MS = 6000;

/** Shows `text` for a few seconds. */
export function toast(text) {
  const stack = byId("toasts");
  const shown = element("p", { class: "toast", testid: "toast" }, text);
  stack.append(shown);
  // Shown anew each time, so that it comes to lie above a dialog opened since.
  stack.togglePopover(false);
  stack.togglePopover(true);
  announce(text);
  setTimeout(() => {
    shown.remove();
    if (!stack.childElementCount) stack.togglePopover(false);
  }, STAYS_MS);
}

/** Says that the connection is lost. `tryNow` is what the button does. */
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
