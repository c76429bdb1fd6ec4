/**
 * One request to the service, and its three outcomes: a response, a problem that the service
 * explains (RFC 9457), or no response at all.
 */

import { responded } from "./retry.js";

/**
 * @typedef {object} Options
 * @property {unknown} [body]
 * @property {Record<string, string>} [headers]
 * @property {boolean} [keepalive] Whether the request outlives the page.
 * @property {string} [accept]
 */

const TIMEOUT_MS = 15_000;

/** An error response of the service, as a problem document. */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {{ type?: string, title?: string, detail?: string }} body
   * @param {number} [retryAfter]
   */
  constructor(status, body, retryAfter) {
    super(body.detail || body.title || `The service responded with status ${status}.`);
    this.status = status;
    /** The last part of the problem's type, such as `quantity-limit`. */
    this.slug =
      String(body.type ?? "")
        .split("/")
        .pop() ?? "";
    this.body = body;
    /** `Retry-After` in seconds, if the response has it. */
    this.retryAfter = retryAfter;
  }

  /** Whether the request can be retried. */
  get isTransient() {
    return [408, 425, 429, 502, 503, 504].includes(this.status);
  }
}

/**
 * No response: the network or the service is down. The request may or may not have been executed.
 */
export class Unreachable extends Error {}

/**
 * Sends a request and reads its response: JSON, or text if that is accepted. Throws `Problem` or
 * `Unreachable`.
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<{ status: number, body: any, headers: Headers }>} `body` is what the endpoint's
 *   description says.
 */
export async function request(
  method,
  path,
  { body, headers = {}, keepalive = false, accept = "application/json" } = {},
) {
  let response;
  let parsed;
  try {
    response = await fetch(path, {
      method,
      headers: {
        Accept: accept,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      keepalive,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw await problemOf(response);
    const text = await response.text();
    parsed = accept.startsWith("text/") ? text : parse(text);
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    throw new Unreachable("Can’t reach the service. Check your connection.", { cause });
  }
  responded();
  return { status: response.status, body: parsed, headers: response.headers };
}

/**
 * The problem that a response explains.
 * @param {Response} response
 */
export async function problemOf(response) {
  return new Problem(
    response.status,
    parse(await response.text()),
    Number(response.headers.get("Retry-After")) || undefined,
  );
}

/** @param {string} text */
function parse(text) {
  try {
    return text ? JSON.parse(text) : {};
  } catch {
    // For example a proxy's error page. The status still says what to do.
    return {};
  }
}

/**
 * Whether the request may succeed later, unchanged.
 * @param {Error} error
 */
export const isTemporary = (error) =>
  error instanceof Unreachable ||
  (error instanceof Problem && (error.isTransient || error.status >= 500));

/**
 * @param {string} path
 * @param {Options} [options]
 */
export const get = (path, options) => request("GET", path, options);
