/** What differs between two states of a cart. */

/**
 * The lines and sums of `to` that differ from `from`: `{ lines: [{sku, name, quantity: [from, to],
 * total: [from, to]}], sums: { items_total, discount, total }, promotion, status }`, each a pair.
 */
export function difference(from, to) {
  const before = new Map(from.shelf.map((line) => [line.sku, line]));
  const skus = new Set([...to.shelf.map((line) => line.sku), ...before.keys()]);
  const after = new Map(to.shelf.map((line) => [line.sku, line]));
  const lines = [];
  for (const sku of skus) {
    const old = before.get(sku);
    const now = after.get(sku);
    // States share lines that did not change.
    if (old === now || (old?.quantity ?? 0) === (now?.quantity ?? 0) && (old?.total ?? 0) === (now?.total ?? 0)) continue;
    lines.push({ sku, name: (now ?? old).name, quantity: [old?.quantity ?? 0, now?.quantity ?? 0], total: [old?.total ?? 0, now?.total ?? 0] });
  }
  return {
    lines,
    sums: {
      items_total: [from.items_total, to.items_total],
      discount: [from.discount, to.discount],
      total: [from.total, to.total],
    },
    promotion: [from.promotion?.code ?? null, to.promotion?.code ?? null],
    status: [from.status, to.status],
  };
}
