/** The word that the service cannot be reached, which goes away by itself when it can again. */

import { announce } from "./announce.js";
import { element } from "./element.js";

let notice;
let retry = () => {};

/** Says that the connection is lost. `tryNow` is what the button does. */
export function connectionLost(text, tryNow) {
  retry = tryNow;
  if (!notice) {
    notice = element(
      "div",
      { class: "offline", popover: "manual", data: { testid: "offline" } },
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

/** Takes the word back. */
export function connectionBack() {
  if (!notice?.matches(":popover-open")) return;
  notice.hidePopover();
  notice.firstChild.textContent = "";
  announce("The connection is back.");
}
