/**
 * The fold of a cart's events, as the service folds them, so that scrubbing asks nobody. A state
 * is never changed: an event makes a new one that shares what stayed the same. Every so many
 * events one is kept, so that any version is a few events away.
 */

const CHECKPOINT_EVERY = 50;

const INITIAL = Object.freeze({
  version: 0,
  status: "open",
  currency: "EUR",
  /** A line for each sku ever added, in that order. One without lots was taken out and keeps its place. */
  allLines: [],
  promotion: null,
  promotion_version: null,
  /** The code whose place the promotion took. */
  promotion_before: null,
  order_id: null,
  items_total: 0,
  discount: 0,
  total: 0,
  opened_at: null,
  changed_at: null,
});

/** The lots after these units were put in: they join the newest lot if it has their price. */
function addUnits(lots, { quantity, unit_price }) {
  const newest = lots.at(-1);
  if (newest?.unit_price === unit_price) return [...lots.slice(0, -1), { quantity: newest.quantity + quantity, unit_price }];
  return quantity > 0 ? [...lots, { quantity, unit_price }] : lots;
}

/** The lots after these units were taken out: from the newest of their price; what is not there stays away. */
function removeUnits(lots, { quantity, unit_price }) {
  let left = quantity;
  const after = [];
  for (let index = lots.length - 1; index >= 0; index -= 1) {
    const lot = lots[index];
    const taken = lot.unit_price === unit_price ? Math.min(left, lot.quantity) : 0;
    left -= taken;
    if (lot.quantity > taken) after.unshift({ quantity: lot.quantity - taken, unit_price: lot.unit_price });
  }
  // Neighbours that now have the same price are one lot.
  return after.reduce((joined, lot) => (joined.at(-1)?.unit_price === lot.unit_price ? addUnits(joined, lot) : [...joined, lot]), []);
}

function changeLine(state, units, change) {
  const index = state.allLines.findIndex((line) => line.sku === units.sku);
  const line = state.allLines[index] ?? { sku: units.sku, name: units.name, lots: [], quantity: 0, total: 0 };
  if (index < 0 && change === removeUnits) return state;
  const lots = change(line.lots, units);
  const changed = {
    sku: line.sku,
    // A line that comes back carries the name that it came back with.
    name: line.lots.length || change === removeUnits ? line.name : units.name,
    lots,
    quantity: lots.reduce((sum, lot) => sum + lot.quantity, 0),
    total: lots.reduce((sum, lot) => sum + lot.quantity * lot.unit_price, 0),
  };
  const allLines = state.allLines.slice();
  allLines[index < 0 ? allLines.length : index] = changed;
  return { ...state, allLines, items_total: state.items_total - line.total + changed.total };
}

/** Per cent are rounded half up; no promotion takes off more than there is. */
function discountOn(total, promotion) {
  if (!promotion) return 0;
  const wanted = promotion.percent !== undefined ? Math.floor((total * promotion.percent + 50) / 100) : promotion.amount;
  return Math.min(Math.max(wanted, 0), total);
}

function apply(state, { type, data, version }) {
  switch (type) {
    case "CartOpened":
      return { ...state, currency: data.currency };
    case "ItemAdded":
      return changeLine(state, data, addUnits);
    case "ItemRemoved":
      return changeLine(state, data, removeUnits);
    case "PromotionApplied":
      return { ...state, promotion: data, promotion_version: version, promotion_before: state.promotion?.code ?? null };
    case "PromotionRemoved":
      return { ...state, promotion: null, promotion_version: null, promotion_before: null };
    case "CartCheckedOut":
      return state.status === "open" ? { ...state, status: "checked_out", order_id: data.order_id } : state;
    case "CartExpired":
      return state.status === "open" ? { ...state, status: "expired" } : state;
    default:
      // An event of a later release: it is shown, but this page does not know what it does.
      return state;
  }
}

export function evolve(state, event) {
  const next = { ...apply(state, event) };
  next.version = event.version;
  next.opened_at ??= event.recorded_at;
  next.changed_at = event.recorded_at;
  next.discount = discountOn(next.items_total, next.promotion);
  next.total = next.items_total - next.discount;
  return next;
}

/** The fold over a list of events that may grow, without those whose versions are skipped. */
export class Fold {
  #events;
  #without;
  #checkpoints = [INITIAL];
  #latest = INITIAL;
  #latestAt = 0;

  constructor(events, without = []) {
    this.#events = events;
    this.#without = new Set(without);
  }

  at(version) {
    const wanted = Math.min(version, this.#events.length);
    let from = Math.min(Math.floor(wanted / CHECKPOINT_EVERY), this.#checkpoints.length - 1) * CHECKPOINT_EVERY;
    let state = this.#checkpoints[from / CHECKPOINT_EVERY];
    if (this.#latestAt <= wanted && this.#latestAt > from) {
      from = this.#latestAt;
      state = this.#latest;
    }
    for (let index = from; index < wanted; index += 1) {
      const event = this.#events[index];
      if (!this.#without.has(event.version)) state = evolve(state, event);
      const after = index + 1;
      if (after % CHECKPOINT_EVERY === 0) this.#checkpoints[after / CHECKPOINT_EVERY] = state;
    }
    this.#latest = state;
    this.#latestAt = wanted;
    return state;
  }
}

export const visibleLines = (state) => state.allLines.filter((line) => line.lots.length > 0);

/** The document that the service would answer for this state. */
export function documentOf(id, state) {
  return {
    id,
    version: state.version,
    status: state.status,
    currency: state.currency,
    lines: visibleLines(state).map(({ sku, name, quantity, total, lots }) => ({ sku, name, quantity, total, lots })),
    promotion: state.promotion && { code: state.promotion.code, description: state.promotion.description },
    items_total: state.items_total,
    discount: state.discount,
    total: state.total,
    ...(state.order_id ? { order_id: state.order_id } : {}),
    opened_at: state.opened_at,
    changed_at: state.changed_at,
  };
}

/**
 * The lines and sums of `to` that differ from `from`: `{ lines: [{sku, name, quantity: [from, to],
 * total: [from, to]}], sums: { items_total, discount, total }, promotion, status }`, each a pair.
 */
export function difference(from, to) {
  const before = new Map(from.allLines.map((line) => [line.sku, line]));
  const skus = new Set([...to.allLines.map((line) => line.sku), ...before.keys()]);
  const after = new Map(to.allLines.map((line) => [line.sku, line]));
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
