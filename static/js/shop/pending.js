/**
 * The cart as it is shown: the last version from the service with the commands that wait on top.
 * Quantities are foretold, since the shopper chose them; money is not, since only the service
 * knows today's price and what a promotion takes off.
 */

/**
 * What to show for the service's `cart` (or `null`), the `queue` of commands that are not
 * answered, and `nameOf(sku)`.
 */
export function shownCart(cart, queue, nameOf) {
  // On a closed cart the next thing added stands in a new one.
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
