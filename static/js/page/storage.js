/** What this browser remembers. Where it may not, a page still works for as long as it is open. */

export function loadItem(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Remembers text under a key; `null` forgets it. */
export function storeItem(key, text) {
  try {
    if (text === null) localStorage.removeItem(key);
    else localStorage.setItem(key, text);
  } catch {
    // Then it holds for this page alone.
  }
}
