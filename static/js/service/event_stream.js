/**
 * Reads server-sent events (WHATWG HTML, 9.2) by `fetch`: unlike the browser's EventSource it shows
 * why the service refuses a stream, and it notices a connection that has fallen silent.
 */

import { problemOf, Unreachable } from "./request.js";

/** The service sends a comment every 15 s. */
const SILENCE_MS = 40_000;

/**
 * @typedef {object} Reader
 * @property {() => void} opened
 * @property {(id: string, event: Api.Event | null) => void} received Gets each id, with its event
 * if it has one.
 */

/**
 * Reads the stream at `path` after the event `after` until it ends or `signal` aborts it. Throws
 * `Problem` if the service refuses it and `Unreachable` if the connection fails.
 * @param {string} path
 * @param {string} after
 * @param {Reader} reader
 * @param {AbortSignal} signal
 */
export async function readStream(path, after, { opened, received }, signal) {
  const aborting = new AbortController();
  const abort = () => aborting.abort();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let silence;
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(abort, SILENCE_MS);
  };
  signal.addEventListener("abort", abort);
  heard();
  try {
    const headers = { Accept: "text/event-stream", "Last-Event-ID": after };
    const response = await fetch(path, { headers, cache: "no-store", signal: aborting.signal });
    if (!response.ok || !response.body) throw await problemOf(response);
    opened();
    const chunks = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await chunks.read();
      if (done) return;
      heard();
      const blocks = (text + value).split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) receive(block, received);
    }
  } catch (cause) {
    throw cause instanceof TypeError || cause instanceof DOMException
      ? new Unreachable("The live connection failed.", { cause })
      : cause;
  } finally {
    clearTimeout(silence);
    signal.removeEventListener("abort", abort);
  }
}

/**
 * @param {string} block
 * @param {Reader["received"]} received
 */
function receive(block, received) {
  const lines = block.split("\n");
  /** @param {string} name */
  const field = (name) => lines.find((line) => line.startsWith(name))?.slice(name.length);
  const id = field("id: ");
  const data = field("data: ");
  if (id !== undefined) received(id, data === undefined ? null : JSON.parse(data));
}
