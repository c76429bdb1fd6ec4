/**
 * Repeats what failed because the service was away: after a pause that grows, and at once when any
 * request succeeds, the browser is online again or the page is shown again.
 */

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 10_000;

/** @type {Set<() => void>} */
const waiting = new Set();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
let failures = 0;
let triedAt = -Infinity;

/**
 * Calls `work` once when the service may be back. Returns a function that cancels it.
 * @param {() => void} work
 */
export function whenBack(work) {
  waiting.add(work);
  timer ??= setTimeout(retryNow, Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS));
  return () => void waiting.delete(work);
}

/** Retries everything that waits. */
export function retryNow() {
  clearTimeout(timer);
  timer = undefined;
  if (!waiting.size) return;
  failures += 1;
  triedAt = performance.now();
  const works = [...waiting];
  waiting.clear();
  for (const work of works) work();
}

/**
 * Retries soon, but never in a tight loop: one part of the service may fail while others respond.
 */
function retrySoon() {
  if (!waiting.size) return;
  clearTimeout(timer);
  timer = setTimeout(retryNow, Math.max(triedAt + FIRST_PAUSE_MS - performance.now(), 0));
}

/** Reports that the service responded. */
export function responded() {
  failures = 0;
  retrySoon();
}

addEventListener("online", retrySoon);
document.addEventListener("visibilitychange", () => document.hidden || retrySoon());
