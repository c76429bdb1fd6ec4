/** Schemas and problems are closed until they are wanted: a link to one opens it. */

export function startEntries() {
  document.addEventListener("click", (event) => {
    /** @type {HTMLAnchorElement | null} */
    const link = event.target instanceof Element ? event.target.closest("a[href^='#']") : null;
    if (link) open(link.hash);
  });
  addEventListener("hashchange", () => open(location.hash));
  open(location.hash);
  // Where style sheets cannot open them.
  addEventListener("beforeprint", () => {
    for (const entry of entries()) entry.open = true;
  });
}

/** @returns {NodeListOf<HTMLDetailsElement>} */
const entries = () => document.querySelectorAll("details.entry");

/**
 * Opens the entry that a fragment names, before the browser scrolls to it.
 * @param {string} hash
 */
function open(hash) {
  const target = document.getElementById(hash.slice(1));
  if (!(target instanceof HTMLDetailsElement)) return;
  target.open = true;
  // From now on it can be closed.
  target.dataset.opened = "";
}
