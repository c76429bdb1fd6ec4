/**
 * Short words that pass. They live in a popover, which is drawn above a modal dialog too; what
 * they say is also announced, since nobody has to see them.
 */

import { announce } from "./announce.js";
import { element } from "./element.js";

const STAYS_MS = 6000;
let stack;

/** Shows `text`, with an optional link `{href, text}`, for a few seconds. */
export function toast(text, link) {
  stack ??= document.body.appendChild(element("div", { class: "toasts", popover: "manual" }));
  const shown = element("p", { class: "toast", data: { testid: "toast" } }, element("span", {}, text), link ? element("a", { href: link.href }, link.text) : null);
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
