/**
 * How a page speaks: aloud to those who hear it, in short words that pass, and about a lost
 * connection. What is shown lies in popovers, which are drawn above a modal dialog too.
 */

import { element } from "./element.js";

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

const STAYS_MS = 6000;
let stack;

/** Shows `text`, with an optional link `{href, text}`, for a few seconds. */
export function toast(text, link) {
  stack ??= document.body.appendChild(element("div", { class: "toasts", popover: "manual", role: "region", "aria-label": "What was done" }));
  const shown = element("p", { class: "toast", testid: "toast" }, element("span", {}, text), link ? element("a", { href: link.href }, link.text) : null);
  stack.append(shown);
  // Shown anew each time, so that it comes to lie above a dialog opened since.
  if (stack.matches(":popover-open")) stack.hidePopover();
  stack.showPopover();
  announce(text);
  setTimeout(() => {
    shown.remove();
    if (!stack.childElementCount && stack.matches(":popover-open")) stack.hidePopover();
  }, STAYS_MS);
}

let notice;
let retry = () => {};

/** Says that the connection is lost. `tryNow` is what the button does. */
export function connectionLost(text, tryNow) {
  retry = tryNow;
  if (!notice) {
    notice = element(
      "div",
      { class: "offline", popover: "manual", role: "region", "aria-label": "Connection", testid: "offline" },
      element("span", {}),
      element("button", { class: "button small", type: "button", on: { click: () => retry() } }, "Try now"),
    );
  }
  const words = notice.firstChild;
  if (words.textContent !== text) {
    words.textContent = text;
    announce(text);
  }
  // Inside an open dialog the button stays usable; outside it would be inert.
  const home = document.querySelector("dialog[open]") ?? document.body;
  if (notice.parentNode !== home) home.append(notice);
  if (!notice.matches(":popover-open")) notice.showPopover();
}

export function connectionBack() {
  if (!notice?.matches(":popover-open")) return;
  notice.hidePopover();
  notice.firstChild.textContent = "";
  announce("The connection is back.");
}
