/** Requests sent to this service from the page, with what comes back. */

import { element, setAttribute, setText } from "../page/element.js";
import { announce } from "../page/notices.js";
import { requestForm } from "./form.js";
import { remember, rememberCart } from "./session.js";

/** @import { Operation } from "./form.js" */

/** Characters of a response that are shown. */
const SHOWN = 20_000;

/** @type {Promise<Map<string, { method: string, path: string, operation: Operation }>> | null} */
let described = null;

/** Every operation of the service by its id, loaded with the first console that is opened. */
async function operations() {
  const answer = await fetch("/openapi.json");
  if (!answer.ok) throw new Error(`The API's description could not be loaded (${answer.status}).`);
  /** @type {{ paths: Record<string, Record<string, Operation>> }} */
  const { paths } = await answer.json();
  const found = new Map();
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      found.set(operation.operationId, { method: method.toUpperCase(), path, operation });
    }
  }
  return found;
}

export function startTrying() {
  document.addEventListener("click", (event) => {
    /** @type {HTMLElement | null} */
    const button = event.target instanceof Element ? event.target.closest("[data-try]") : null;
    if (button) void toggle(button);
  });
}

/** @param {HTMLElement} button */
async function toggle(button) {
  const panel = button.nextElementSibling;
  if (panel?.classList.contains("try")) {
    panel.remove();
    setAttribute(button, "aria-expanded", "false");
    return;
  }
  if (button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  try {
    described ??= operations();
    const found = (await described).get(button.dataset.try ?? "");
    if (!found) throw new Error("The service has no such operation.");
    const shown = consoleOf(found);
    button.after(shown);
    setAttribute(button, "aria-expanded", "true");
    // It may still say that the last attempt failed.
    setText(button, "Try it");
    /** @type {HTMLElement | null} */
    const first = shown.querySelector("input, textarea, button");
    first?.focus();
  } catch (error) {
    described = null;
    announce(error instanceof Error ? error.message : String(error));
    setText(button, "Couldn’t load. Try again");
  } finally {
    button.ariaBusy = null;
  }
}

/**
 * The form of an operation with a place for the response.
 * @param {{ method: string, path: string, operation: Operation }} described
 */
function consoleOf({ method, path, operation }) {
  const id = operation.operationId;
  const form = requestForm(method, path, operation);
  const status = element("p", { class: "try-status", role: "status", testid: `${id}-status` });
  const headers = element("pre", { tabIndex: 0, hidden: true, testid: `${id}-headers` });
  const body = element("pre", { tabIndex: 0, hidden: true, testid: `${id}-response` });
  const send = element(
    "button",
    { class: "button primary small", type: "submit", testid: `${id}-send` },
    "Send",
  );
  const stop = element(
    "button",
    { class: "button small", type: "button", hidden: true, testid: `${id}-stop` },
    "Stop",
  );
  /** @type {AbortController | null} */
  let running = null;
  stop.addEventListener("click", () => running?.abort());

  async function run() {
    running?.abort();
    const control = new AbortController();
    running = control;
    const { path: target, options, operator } = form.request();
    if (operator) remember({ operator });
    headers.hidden = body.hidden = true;
    setText(status, "Sending…");
    stop.hidden = false;
    const started = performance.now();
    try {
      const answer = await fetch(target, { ...options, signal: control.signal, cache: "no-store" });
      setText(
        status,
        `${answer.status} ${answer.statusText} in ${Math.round(performance.now() - started)} ms`,
      );
      setText(headers, [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n"));
      headers.hidden = false;
      await readBody(answer, body);
    } catch (error) {
      if (!control.signal.aborted)
        setText(
          status,
          `Couldn’t reach the service: ${error instanceof Error ? error.message : error}`,
        );
    } finally {
      if (running === control) stop.hidden = true;
    }
  }
  const shown = element(
    "form",
    { class: "try" },
    form.fields,
    element("div", { class: "try-actions" }, send, stop),
    status,
    headers,
    body,
  );
  shown.ariaLabel = `Try: ${method} ${path}`;
  shown.addEventListener("submit", (event) => {
    event.preventDefault();
    void run();
  });
  return shown;
}

/**
 * Shows the body as it arrives; a live stream goes on until it is stopped.
 * @param {Response} answer
 * @param {HTMLElement} place
 */
async function readBody(answer, place) {
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
    show(place, text);
  }
  if (!(answer.headers.get("content-type") ?? "").includes("json")) return;
  const document = JSON.parse(text);
  show(place, JSON.stringify(document, null, 2));
  if (answer.ok) rememberCart(document);
}

/**
 * @param {HTMLElement} place
 * @param {string} text
 */
function show(place, text) {
  place.hidden = text === "";
  setText(
    place,
    text.length > SHOWN
      ? `${text.slice(0, SHOWN)}\n… ${text.length - SHOWN} more characters`
      : text,
  );
}
