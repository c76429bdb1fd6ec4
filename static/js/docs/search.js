/** The search over endpoints, schemas and problems: it filters the contents. */

import { byId, setText } from "../page/element.js";
import { count } from "../page/format.js";

/** Filters as one types; `/` focuses, arrows move through what is found, Escape clears. */
export function startSearch() {
  const search = byId("search");
  const index = byId("index");
  /** @type {HTMLDetailsElement[]} */
  const parts = [...index.querySelectorAll("details")];
  /** @type {Map<HTMLDetailsElement, boolean>} */
  const before = new Map();

  /** @returns {HTMLAnchorElement[]} */
  const found = () => [...index.querySelectorAll("a")].filter((link) => link.checkVisibility());

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length && !before.size) for (const part of parts) before.set(part, part.open);
    let all = 0;
    for (const part of parts) {
      let matching = 0;
      for (const row of part.querySelectorAll("li")) {
        const text = `${row.textContent} ${row.dataset.words}`.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        if (!row.hidden) matching += 1;
      }
      all += matching;
      part.hidden = matching === 0;
      part.open = words.length ? matching > 0 : (before.get(part) ?? part.open);
    }
    if (!words.length) before.clear();
    setText(
      byId("found"),
      words.length ? (all ? count(all, "result") : "No results. Try fewer words.") : "",
    );
  }

  search.addEventListener("input", filter);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      search.value = "";
      filter();
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      found()[0]?.focus();
    } else if (event.key === "Enter" && search.value) {
      event.preventDefault();
      found()[0]?.click();
    }
  });
  index.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !(event.target instanceof HTMLAnchorElement)) return;
    event.preventDefault();
    const links = found();
    const next = links.indexOf(event.target) + step;
    (next < 0 ? search : links[next])?.focus();
  });
  addEventListener("keydown", (event) => {
    const isTyping =
      event.target instanceof Element && event.target.closest("input, textarea, select");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    byId("contents").open = true;
    search.focus();
    search.select();
  });
}
