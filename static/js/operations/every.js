/** Doing something again and again, never twice at once, and not while nobody sees it. */

/** `work` is awaited before the next pause of `ms`. Answers `{start, stop, now}`. */
export function every(ms, work) {
  let timer = 0;
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
