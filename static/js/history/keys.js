/**
 * The keys of the history's page, told to those who look, and the switch for the letters: a
 * shortcut of a single letter is in the way of those who dictate (WCAG 2.1.4).
 */

import { element } from "../page/element.js";

const KEPT = "cartlog.letters";
let letters = readKept();

function readKept() {
  try {
    return localStorage.getItem(KEPT) !== "false";
  } catch {
    return true;
  }
}

/** Whether `P`, `X` and the space bar do something. */
export const lettersWork = () => letters;

/** What can be done with keys, as a list. */
export function keysHelp() {
  const key = (name) => element("kbd", {}, name);
  const box = element("input", { type: "checkbox", checked: letters, id: "letters", data: { testid: "letter-keys" } });
  box.addEventListener("change", () => {
    letters = box.checked;
    try {
      localStorage.setItem(KEPT, String(letters));
    } catch {
      // It holds for this page.
    }
  });
  return element(
    "ul",
    { class: "hints soft small" },
    element("li", {}, key("←"), " ", key("→"), " step through the events, ", key("Home"), " and ", key("End"), " go to the first and the newest."),
    element("li", {}, key("P"), " (or shift and click) pins a moment, to compare another one with it."),
    element("li", {}, key("X"), " sets the event aside: what if it had not happened?"),
    element("li", {}, key("Space"), " plays the history."),
    element("li", {}, element("label", { class: "letters", for: "letters" }, box, "Let P, X and space do this")),
  );
}
