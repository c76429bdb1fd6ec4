/**
 * One request to the service, and the three ways in which it can end: an answer, a problem that
 * the service explains (RFC 9457), or nobody there.
 */

const TIMEOUT_MS = 15_000;

/** The service answered that it will not, and why. */
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body.detail || body.title || `The service responded with status ${status}.`);
    this.status = status;
    /** The last part of the problem's type, such as `quantity-limit`. */
    this.slug = String(body.type ?? "").split("/").pop();
    this.body = body;
    /** Seconds that the service asks to wait, if it said so. */
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may well succeed a little later. */
  get passes() {
    return [408, 425, 429, 502, 503, 504].includes(this.status);
  }
}

/** No answer came: the network or the service is away. Whether the request was onEvent is unknown. */
export class Unreachable extends Error {}

/**
 * Sends a request and reads its JSON answer: `{status, body, headers}`.
 * Throws `Problem` or `Unreachable`.
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
    // A proxy's page, say. The status still tells what to do.
  }
  if (response.ok) return { status: response.status, body: parsed, headers: response.headers };
  throw new Problem(response.status, parsed, Number(response.headers.get("Retry-After")) || undefined);
}

export const get = (path, options) => request("GET", path, options);
