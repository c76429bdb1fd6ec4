/**
 * Events as they come, a cart's or all. The browser's EventSource mends a broken connection by itself
 * but gives up on an error status; this one does not. A page that is hidden for long lets go of
 * its stream: a browser has but six connections to a host, and many tabs would use them all up.
 */

const HIDDEN_MS = 30_000;
const LONGEST_PAUSE_MS = 10_000;
/** A break that mends within this time is nobody's concern. */
const BREAK_MS = 2_000;

/** The streams there are: their address, and the field by which their events are in order. */
export const ofCart = (id) => ({ path: `/api/carts/${id}/events`, field: "version" });
export const OF_LOG = { path: "/api/events", field: "position" };

/**
 * Follows `stream` after `last`, a value of its field. `onEvent` gets each event once and in order;
 * `onState` gets `true` when the stream is and `false` when it stays broken. Answers a function
 * that ends it.
 */
export function follow({ path, field }, last, onEvent, onState = () => {}) {
  let source;
  let timer;
  let hiding;
  let breaking;
  let failures = 0;
  let seen = last;

  function open() {
    clearTimeout(timer);
    source?.close();
    source = new EventSource(`${path}?after=${seen}`);
    source.onopen = () => {
      failures = 0;
      clearTimeout(breaking);
      breaking = undefined;
      onState(true);
    };
    source.onmessage = (message) => {
      const event = JSON.parse(message.data);
      if (event[field] <= seen) return;
      seen = event[field];
      onEvent(event);
    };
    source.onerror = () => {
      breaking ??= setTimeout(() => onState(false), BREAK_MS);
      if (source.readyState !== EventSource.CLOSED) return;
      failures += 1;
      timer = setTimeout(open, Math.min(500 * 2 ** failures, LONGEST_PAUSE_MS));
    };
  }

  function disconnect() {
    clearTimeout(timer);
    clearTimeout(breaking);
    breaking = undefined;
    source?.close();
    source = undefined;
  }

  function look() {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(disconnect, HIDDEN_MS);
    else if (!source) open();
  }

  document.addEventListener("visibilitychange", look);
  // A page that was left is kept for the way back, and would keep its stream: six such pages, and
  // nothing more is sent to the service.
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", look);
  open();
  return () => {
    document.removeEventListener("visibilitychange", look);
    removeEventListener("pagehide", disconnect);
    removeEventListener("pageshow", look);
    clearTimeout(hiding);
    disconnect();
  };
}

/**
 * Does `work` again and again, never twice at once, with a pause of `ms` between, and not while
 * nobody sees it: for what has no stream. Answers `{start, stop, now}`.
 */
export function poll(ms, work) {
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
