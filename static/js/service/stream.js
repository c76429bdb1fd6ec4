/**
 * Live events (SSE), of one cart or of all. The browser's EventSource reconnects after a broken
 * connection but gives up on an error status; this client retries both. A page that is hidden for
 * long closes its stream: a browser opens at most six connections to a host, over all tabs.
 */

/** @typedef {ReturnType<typeof setTimeout> | undefined} Timer */

const HIDDEN_MS = 30_000;
const LONGEST_PAUSE_MS = 10_000;
/** A connection that recovers within this time is not reported as lost. */
const BREAK_MS = 2_000;

/**
 * A stream: its path, and the field that orders its events.
 * @param {string} id
 */
export const ofCart = (id) => ({ path: `/api/carts/${id}/events`, field: "version" });
export const OF_LOG = { path: "/api/events", field: "position" };

/**
 * Follows a stream after `last`, a value of its field. `onEvent` gets each event once and in order;
 * `onState` gets whether the stream is connected. Returns a function that closes the stream.
 * @param {{ path: string, field: string }} stream
 * @param {number} last
 * @param {(event: Api.Event) => void} onEvent
 * @param {(connected: boolean) => void} [onState]
 */
export function follow({ path, field }, last, onEvent, onState = () => {}) {
  /** @type {EventSource | undefined} */
  let source;
  /** @type {Timer} */
  let timer;
  /** @type {Timer} */
  let hiding;
  /** @type {Timer} */
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
      if (source?.readyState !== EventSource.CLOSED) return;
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

  function onVisibility() {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(disconnect, HIDDEN_MS);
    else if (!source) open();
  }

  document.addEventListener("visibilitychange", onVisibility);
  // A page in the back/forward cache would keep its connection, and six of them block all requests.
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", onVisibility);
  open();
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    removeEventListener("pagehide", disconnect);
    removeEventListener("pageshow", onVisibility);
    clearTimeout(hiding);
    disconnect();
  };
}

/**
 * Polls what has no stream: runs `work` with a pause of `ms` between runs, never twice at once, and
 * not while the page is hidden.
 * @param {number} ms
 * @param {() => Promise<void>} work
 */
export function poll(ms, work) {
  /** @type {Timer} */
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
