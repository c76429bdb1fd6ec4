/**
 * Saying changes aloud to those who hear the page. While a modal dialog is open everything
 * outside of it is inert, live regions included, so each dialog brings its own.
 */

let timer;

/** Reads `text` out politely, after what is being said. */
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
