/**
 * What a shopper can do to a cart, the request that each of it is, and the cart as it is shown
 * while commands wait. A command is a plain object, so that it can be kept across a reload:
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

/**
 * What to show for the service's `cart` (or `null`), the `queue` of commands that are not
 * answered, and `nameOf(sku)`.
 */
export function shownCart(cart, queue, nameOf) {
  // On a closed cart the next thing added is in a new one.
  const fresh = !cart || (cart.status !== "open" && queue.some((command) => command.kind === "add"));
  let lines = fresh ? [] : cart.lines.map((line) => ({ ...line, settled: true }));
  let promotion = fresh || !cart.promotion ? null : { ...cart.promotion, settled: true };

  const change = (sku, quantityOf) => {
    const line = lines.find((line) => line.sku === sku);
    const quantity = quantityOf(line?.quantity ?? 0);
    if (quantity <= 0) lines = lines.filter((other) => other !== line);
    else if (line) Object.assign(line, { quantity, settled: false });
    else lines.push({ sku, name: nameOf(sku), quantity, total: null, lots: [], settled: false });
  };

  for (const command of queue) {
    if (command.kind === "add") change(command.sku, (quantity) => quantity + command.quantity);
    else if (command.kind === "set") change(command.sku, () => command.quantity);
    else if (command.kind === "remove") change(command.sku, () => 0);
    else if (command.kind === "clear") lines = [];
    else if (command.kind === "promote") promotion = { code: command.code, description: "", settled: false };
    else if (command.kind === "unpromote") promotion = null;
  }

  return {
    id: fresh ? null : cart.id,
    status: fresh ? "open" : cart.status,
    order_id: fresh ? null : (cart.order_id ?? null),
    version: fresh ? 0 : cart.version,
    currency: cart?.currency,
    lines,
    promotion,
    items_total: fresh ? 0 : cart.items_total,
    discount: fresh ? 0 : cart.discount,
    total: fresh ? 0 : cart.total,
    settled: queue.length === 0,
    units: lines.reduce((sum, line) => sum + line.quantity, 0),
    waiting: new Set(queue.map((command) => command.kind)),
  };
}
