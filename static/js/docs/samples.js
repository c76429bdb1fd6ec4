/** The samples: their language, their address and the button that copies them. */

import { byId, setAttribute, setText } from "../page/element.js";
import { announce } from "../page/notices.js";
import { loadItem, storeItem } from "../page/storage.js";

const KEY = "cartlog.samples";
/** The address in the samples as the service wrote them. */
const EXAMPLE = "http://127.0.0.1:8080";
const COPIED_MS = 2000;

export function startSamples() {
  addressHere();
  show(loadItem(KEY) === "js" ? "js" : "curl");
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    /** @type {HTMLElement | null} */
    const button = event.target.closest("[data-language], [data-copy]");
    if (button?.dataset.language) choose(button);
    else if (button) void copy(button);
  });
}

/** Samples name this service's address. */
function addressHere() {
  for (const code of document.querySelectorAll("#start pre code")) {
    setText(code, (code.textContent ?? "").replace(EXAMPLE, location.origin));
  }
}

/** @param {string} language */
function show(language) {
  byId("main").dataset.samples = language;
  for (const button of document.querySelectorAll("[data-language]")) {
    setAttribute(
      button,
      "aria-pressed",
      String(/** @type {HTMLElement} */ (button).dataset.language === language),
    );
  }
}

/**
 * Switches all samples and keeps the pressed button where it is on the screen.
 * @param {HTMLElement} button
 */
function choose(button) {
  const { language = "curl" } = button.dataset;
  const { top } = button.getBoundingClientRect();
  show(language);
  scrollBy({ top: button.getBoundingClientRect().top - top, behavior: "instant" });
  storeItem(KEY, language);
}

/** @param {HTMLElement} button */
async function copy(button) {
  const shown = [...(button.closest(".sample")?.querySelectorAll("pre") ?? [])].find((it) =>
    it.checkVisibility(),
  );
  if (!shown) return;
  try {
    await navigator.clipboard.writeText(shown.textContent ?? "");
    setText(button, "Copied");
    announce("Copied");
  } catch {
    // Without TLS there is no clipboard: the text is selected, for the keyboard's own copy.
    getSelection()?.selectAllChildren(shown);
    setText(button, "Selected");
    announce("Selected. Press Control and C to copy");
  }
  setTimeout(() => setText(button, "Copy"), COPIED_MS);
}
