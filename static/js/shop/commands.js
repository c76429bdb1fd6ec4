/**
 * What a shopper can do to a cart, and the request that each of it is. A command is a plain
 * object, so that it can be kept across a reload:
 *
 *   { kind, sku?, quantity?, code?, expected_total?, key, place, ready_at, request? }
 *
 * `place` names what caused it, which is where a refusal is said. `request` is frozen at the
 * first attempt: a repeat under the same idempotency key has to be the same request.
 */

/** A new command of this kind. Commands with a `delay` wait for what else the shopper does. */
export function command(kind, place, parts = {}, delay = 0) {
  return { kind, place, ...parts, key: crypto.randomUUID(), ready_at: Date.now() + delay };
}

/**
 * Takes `next` into `last` if both together are one command: clicks in a burst add up, and the
 * last quantity asked for counts. A command that was sent is left alone.
 */
export function merged(last, next) {
  if (!last || last.request || last.kind !== next.kind || last.sku !== next.sku) return null;
  if (next.kind === "add") return { ...last, quantity: last.quantity + next.quantity, ready_at: next.ready_at };
  if (next.kind === "set") return { ...last, quantity: next.quantity, ready_at: next.ready_at };
  return null;
}

/** Whether the command needs no cart to stand on: it opens one. */
export const opensCart = (command, cart) => command.kind === "add" && cart?.status !== "open";

/** The request for a command, on the last cart that the service answered, or on none. */
export function requestOf(command, cart) {
  const { kind, sku, quantity, code, key } = command;
  const headers = { "Idempotency-Key": key };
  if (opensCart(command, cart)) return { method: "POST", path: "/api/carts", body: { items: [{ sku, quantity }] }, headers };
  const path = `/api/carts/${cart.id}`;
  const line = `${path}/items/${encodeURIComponent(sku ?? "")}`;
  const seen = { ...headers, "If-Match": `"${cart.version}"` };
  switch (kind) {
    case "add":
      return { method: "POST", path: `${path}/items`, body: { sku, quantity }, headers };
    case "set":
      return { method: "PUT", path: line, body: { quantity }, headers };
    case "remove":
      return { method: "DELETE", path: line, headers };
    case "clear":
      return { method: "DELETE", path: `${path}/items`, headers };
    case "promote":
      return { method: "PUT", path: `${path}/promotion`, body: { code }, headers };
    case "unpromote":
      return { method: "DELETE", path: `${path}/promotion`, headers };
    case "undo":
      return { method: "POST", path: `${path}/undo`, headers: seen };
    case "checkout":
      return { method: "POST", path: `${path}/checkout`, body: { expected_total: command.expected_total }, headers: seen };
    default:
      throw new Error(`No such command: ${kind}`);
  }
}
