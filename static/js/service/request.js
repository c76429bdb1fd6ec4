/**
 * One request to the service, and its three outcomes: a response, a problem that the service
 * explains (RFC 9457), or no response at all.
 */

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
    this.slug = String(body.type ?? "").split("/").pop() ?? "";
    this.body = body;
    /** `Retry-After` in seconds, if the response has it. */
    this.retryAfter = retryAfter;
  }

  /** Whether the request can be retried. */
  get isTransient() {
    return [408, 425, 429, 502, 503, 504].includes(this.status);
  }
}

/** No answer came: the network or the service is away. Whether the request was onEvent is unknown. */
export class Unreachable extends Error {}

/**
 * Sends a request and reads its JSON response. Throws `Problem` or `Unreachable`.
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<{ status: number, body: any, headers: Headers }>} `body` is what the endpoint's description says.
 */
export async function request(method, path, { body, headers = {}, keepalive = false, accept = "application/json" } = {}) {
  let response;
  let text;
  try {
    response = await fetch(path, {
      method,
      headers: { Accept: accept, ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      keepalive,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    text = await response.text();
  } catch (cause) {
    throw new Unreachable("Can’t reach the service. Check your connection.", { cause });
  }
  let parsed = {};
  try {
    if (text) parsed = JSON.parse(text);
  } catch {
    // For example a proxy's error page. The status still says what to do.
  }
  if (response.ok) return { status: response.status, body: parsed, headers: response.headers };
  throw new Problem(response.status, parsed, Number(response.headers.get("Retry-After")) || undefined);
}

/**
 * @param {string} path
 * @param {Options} [options]
 */
export const get = (path, options) => request("GET", path, options);
