/**
 * The shopper's commands, the request of each, and the cart as it is shown while commands are
 * pending. A command is a plain object, so that it can be stored across a reload.
 */

/**
 * @typedef {"add" | "set" | "remove" | "clear" | "promote" | "unpromote" | "undo" | "checkout"}
 *   Kind
 * @typedef {{ method: string, path: string, body?: unknown, headers: Record<string, string> }}
 *   CommandRequest
 *
 * @typedef {object} Command
 * @property {Kind} kind
 * @property {string} [sku]
 * @property {number} [quantity]
 * @property {string} [code]
 * @property {number} [expected_total]
 * @property {string} key The idempotency key.
 * @property {string} place What caused the command, which is where a refusal is shown.
 * @property {number} ready_at When it can be sent, in milliseconds.
 * @property {CommandRequest} [request] Frozen at the first attempt: a retry must be the same
 *   request.
 *
 * @typedef {Omit<Api.CartLine, "total"> & { total: number | null, settled: boolean }} ShownLine
 * @typedef {ReturnType<typeof shownCart>} ShownCart
 */

/**
 * A new command. One with a `delay`, in milliseconds, can still be merged with the next.
 * @param {Kind} kind
 * @param {string} place
 * @param {Partial<Command>} [parts]
 * @param {number} [delay]
 * @returns {Command}
 */
export function command(kind, place, parts = {}, delay = 0) {
  return { kind, place, ...parts, key: crypto.randomUUID(), ready_at: Date.now() + delay };
}

/**
 * Merges `next` into `last` if both are one command: clicks in a burst add up, and the last
 * quantity wins. A command that was sent is never changed.
 * @param {Command | undefined} last
 * @param {Command} next
 */
export function merged(last, next) {
  if (!last || last.request || last.kind !== next.kind || last.sku !== next.sku) return null;
  if (next.kind === "add")
    return {
      ...last,
      quantity: (last.quantity ?? 0) + (next.quantity ?? 0),
      ready_at: next.ready_at,
    };
  if (next.kind === "set") return { ...last, quantity: next.quantity, ready_at: next.ready_at };
  return null;
}

/**
 * Whether the command opens a new cart.
 * @param {Command} command
 * @param {Api.Cart | null} cart
 */
export const opensCart = (command, cart) => command.kind === "add" && cart?.status !== "open";

/**
 * The request for a command, based on the last cart from the service, if any.
 * @param {Command} command
 * @param {Api.Cart | null} cart
 * @returns {CommandRequest}
 */
export function requestOf(command, cart) {
  const { kind, sku, quantity, code, key } = command;
  const headers = { "Idempotency-Key": key };
  if (opensCart(command, cart))
    return { method: "POST", path: "/api/carts", body: { items: [{ sku, quantity }] }, headers };
  if (!cart) throw new Error(`No cart for ${kind}`);
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
      return {
        method: "POST",
        path: `${path}/checkout`,
        body: { expected_total: command.expected_total },
        headers: seen,
      };
    default:
      throw new Error(`No such command: ${kind}`);
  }
}

/**
 * The cart to show: the service's `cart` (or `null`) with the pending commands of `queue` on top.
 * @param {Api.Cart | null} cart
 * @param {Command[]} queue
 * @param {(sku: string) => string} nameOf
 */
export function shownCart(cart, queue, nameOf) {
  const currency = cart?.currency;
  // An addition to a closed cart opens a new one.
  if (cart && cart.status !== "open" && queue.some(({ kind }) => kind === "add")) cart = null;
  /** @type {ShownLine[]} */
  let lines = !cart ? [] : cart.lines.map((line) => ({ ...line, settled: true }));
  let promotion = !cart?.promotion ? null : { ...cart.promotion, settled: true };

  /** @param {string | undefined} sku @param {(quantity: number) => number} quantityOf */
  const change = (sku, quantityOf) => {
    if (sku === undefined) return;
    const line = lines.find((line) => line.sku === sku);
    const quantity = quantityOf(line?.quantity ?? 0);
    if (quantity <= 0) lines = lines.filter((other) => other !== line);
    else if (line) Object.assign(line, { quantity, settled: false });
    else lines.push({ sku, name: nameOf(sku), quantity, total: null, lots: [], settled: false });
  };

  for (const command of queue) {
    if (command.kind === "add")
      change(command.sku, (quantity) => quantity + (command.quantity ?? 0));
    else if (command.kind === "set") change(command.sku, () => command.quantity ?? 0);
    else if (command.kind === "remove") change(command.sku, () => 0);
    else if (command.kind === "clear") lines = [];
    else if (command.kind === "promote")
      promotion = { code: command.code ?? "", description: "", settled: false };
    else if (command.kind === "unpromote") promotion = null;
  }

  return {
    id: cart?.id ?? null,
    status: cart?.status ?? "open",
    order_id: cart?.order_id ?? null,
    version: cart?.version ?? 0,
    currency,
    lines,
    promotion,
    items_total: cart?.items_total ?? 0,
    discount: cart?.discount ?? 0,
    total: cart?.total ?? 0,
    settled: queue.length === 0,
    units: lines.reduce((sum, line) => sum + line.quantity, 0),
    waiting: new Set(queue.map((command) => command.kind)),
  };
}
