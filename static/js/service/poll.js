/** Polls what has no stream. */

/**
 * Runs `work` with a pause of `ms` between runs, never twice at once, and not while the page is
 * hidden.
 * @param {number} ms
 * @param {() => Promise<void>} work
 */
export function poll(ms, work) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let busy = false;
  let running = false;

  async function now() {
    clearTimeout(timer);
    if (busy || document.hidden || !running) return;
    busy = true;
    try {
      await work();
    } finally {
      busy = false;
      if (running) timer = setTimeout(now, ms);
    }
  }

  document.addEventListener("visibilitychange", now);
  return {
    now,
    get runs() {
      return running;
    },
    start() {
      running = true;
      return now();
    },
    stop() {
      running = false;
      clearTimeout(timer);
    },
  };
}
