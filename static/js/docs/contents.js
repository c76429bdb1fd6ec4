/** The contents mark the entry that is being read. */

import { byId, setAttribute } from "../page/element.js";

/** The width from which the contents stand beside the text, as in docs.css. */
const beside = matchMedia("(min-width: 56.01rem)");

/** Opens the contents where they stand beside the text, and follows the reader. */
export function followScroll() {
  const contents = byId("contents");
  const place = () => {
    contents.open = beside.matches;
  };
  place();
  beside.addEventListener("change", place);
  contents.addEventListener("click", (event) => {
    const isLink = event.target instanceof Element && event.target.closest("a");
    if (isLink && !beside.matches) contents.open = false;
  });

  /** @type {Map<string, HTMLAnchorElement>} */
  const links = new Map();
  for (const link of contents.querySelectorAll("a")) links.set(link.hash.slice(1), link);
  const entries = [...document.querySelectorAll("[data-entry]")].filter((entry) =>
    links.has(entry.id),
  );
  /** @type {Set<Element>} */
  const inSight = new Set();
  /** @type {HTMLAnchorElement | undefined} */
  let current;
  const observer = new IntersectionObserver(
    (changes) => {
      for (const { target, isIntersecting } of changes) {
        if (isIntersecting) inSight.add(target);
        else inSight.delete(target);
      }
      const first = entries.find((entry) => inSight.has(entry));
      const link = first && links.get(first.id);
      if (!link || link === current) return;
      if (current) setAttribute(current, "aria-current", null);
      setAttribute(link, "aria-current", "true");
      current = link;
      reveal(link, contents.parentElement);
    },
    // A line below the header, which is where an entry begins after a jump to it.
    { rootMargin: "-14% 0px -85% 0px" },
  );
  for (const entry of entries) observer.observe(entry);
}

/**
 * Scrolls the contents, never the page, until the link can be seen.
 * @param {HTMLElement} link
 * @param {HTMLElement | null} frame
 */
function reveal(link, frame) {
  if (!frame || !beside.matches) return;
  const outer = frame.getBoundingClientRect();
  const inner = link.getBoundingClientRect();
  const margin = 48;
  if (inner.height === 0) return;
  if (inner.top < outer.top + margin) frame.scrollTop -= outer.top + margin - inner.top;
  else if (inner.bottom > outer.bottom - margin)
    frame.scrollTop += inner.bottom - outer.bottom + margin;
}
