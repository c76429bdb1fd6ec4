/** Local storage that may be missing or full: then values last as long as the page. */

/** @param {string} key */
export function loadItem(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/**
 * Stores text under a key; `null` removes it.
 * @param {string} key
 * @param {string | null} text
 */
export function storeItem(key, text) {
  try {
    if (text === null) localStorage.removeItem(key);
    else localStorage.setItem(key, text);
  } catch {
    // The value lasts as long as the page.
  }
}
