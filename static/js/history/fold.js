/**
 * The fold of a cart's events, the same as the service's, so that scrubbing needs no request. A
 * state is immutable: an event creates a new one that shares unchanged lines. Snapshots are kept at
 * fixed intervals, so that any version is a few events away.
 */

/**
 * @typedef {{ sku: string, name: string, lots: Api.Lot[], quantity: number, total: number }} Line
 *
 * @typedef {object} State
 * @property {number} version
 * @property {Api.Cart["status"]} status
 * @property {string} currency
 * @property {Line[]} allLines Every product ever added, in order; one without lots was removed.
 * @property {Promotion | null} promotion
 * @property {number | null} promotion_version
 * @property {string | null} promotion_before The code that the promotion replaced.
 * @property {string | null} order_id
 * @property {number} items_total
 * @property {number} discount
 * @property {number} total
 * @property {string | null} opened_at
 * @property {string | null} changed_at
 *
 * @typedef {{ code: string, description: string, percent?: number, amount?: number }} Promotion
 * @typedef {{ sku: string, name: string, quantity: number, unit_price: number }} Units
 */

const SNAPSHOT_EVERY = 50;
/** @type {Api.Lot[]} */
const NO_LOTS = [];

/** @type {Readonly<State>} */
const INITIAL = Object.freeze({
  version: 0,
  status: "open",
  currency: "EUR",
  allLines: [],
  promotion: null,
  promotion_version: null,
  promotion_before: null,
  order_id: null,
  items_total: 0,
  discount: 0,
  total: 0,
  opened_at: null,
  changed_at: null,
});

/**
 * Adds units to the lots: to the newest lot if it has their price.
 * @param {Api.Lot[]} lots
 * @param {Api.Lot} units
 * @returns {Api.Lot[]}
 */
function addUnits(lots, { quantity, unit_price }) {
  const newest = lots.at(-1);
  if (newest && newest.unit_price === unit_price)
    return [...lots.slice(0, -1), { quantity: newest.quantity + quantity, unit_price }];
  return quantity > 0 ? [...lots, { quantity, unit_price }] : lots;
}

/**
 * Removes units from the lots, newest lot of their price first, and at most as many as there are.
 * @param {Api.Lot[]} lots
 * @param {Api.Lot} units
 * @returns {Api.Lot[]}
 */
function removeUnits(lots, { quantity, unit_price }) {
  let left = quantity;
  /** @type {Api.Lot[]} */
  const after = [];
  for (let index = lots.length - 1; index >= 0; index -= 1) {
    const lot = lots[index];
    const taken = lot.unit_price === unit_price ? Math.min(left, lot.quantity) : 0;
    left -= taken;
    if (lot.quantity > taken)
      after.unshift({ quantity: lot.quantity - taken, unit_price: lot.unit_price });
  }
  // Adjacent lots that now have the same price become one.
  return after.reduce(
    (joined, lot) =>
      joined.at(-1)?.unit_price === lot.unit_price ? addUnits(joined, lot) : [...joined, lot],
    NO_LOTS,
  );
}

/**
 * @param {State} state
 * @param {Units} units
 * @param {typeof addUnits} change
 * @returns {State}
 */
function changeLine(state, units, change) {
  const index = state.allLines.findIndex((line) => line.sku === units.sku);
  const line = state.allLines[index] ?? {
    sku: units.sku,
    name: units.name,
    lots: [],
    quantity: 0,
    total: 0,
  };
  if (index < 0 && change === removeUnits) return state;
  const lots = change(line.lots, units);
  const changed = {
    sku: line.sku,
    // A line that is added again takes its new name.
    name: line.lots.length || change === removeUnits ? line.name : units.name,
    lots,
    quantity: lots.reduce((sum, lot) => sum + lot.quantity, 0),
    total: lots.reduce((sum, lot) => sum + lot.quantity * lot.unit_price, 0),
  };
  const allLines = state.allLines.slice();
  allLines[index < 0 ? allLines.length : index] = changed;
  return { ...state, allLines, items_total: state.items_total - line.total + changed.total };
}

/**
 * A percentage is rounded half up; a discount never exceeds the subtotal.
 * @param {number} total
 * @param {Promotion | null} promotion
 */
function discountOn(total, promotion) {
  if (!promotion) return 0;
  const wanted =
    promotion.percent !== undefined
      ? Math.floor((total * promotion.percent + 50) / 100)
      : (promotion.amount ?? 0);
  return Math.min(Math.max(wanted, 0), total);
}

/**
 * @param {State} state
 * @param {Pick<Api.Event, "type" | "data" | "version">} event
 * @returns {State}
 */
function apply(state, { type, data, version }) {
  switch (type) {
    case "CartOpened":
      return { ...state, currency: data.currency };
    case "ItemAdded":
      return changeLine(state, data, addUnits);
    case "ItemRemoved":
      return changeLine(state, data, removeUnits);
    case "PromotionApplied":
      return {
        ...state,
        promotion: data,
        promotion_version: version,
        promotion_before: state.promotion?.code ?? null,
      };
    case "PromotionRemoved":
      return { ...state, promotion: null, promotion_version: null, promotion_before: null };
    case "CartCheckedOut":
      return state.status === "open"
        ? { ...state, status: "checked_out", order_id: data.order_id }
        : state;
    case "CartExpired":
      return state.status === "open" ? { ...state, status: "expired" } : state;
    default:
      // An event type of a later release: shown, but without effect here.
      return state;
  }
}

/**
 * @param {State} state
 * @param {Pick<Api.Event, "type" | "data" | "version" | "recorded_at">} event
 */
export function evolve(state, event) {
  const next = { ...apply(state, event) };
  next.version = event.version;
  next.opened_at ??= event.recorded_at;
  next.changed_at = event.recorded_at;
  next.discount = discountOn(next.items_total, next.promotion);
  next.total = next.items_total - next.discount;
  return next;
}

/**
 * An event that a what-if makes up: in place of the event of its version, or right after it.
 * @typedef {Pick<Api.Event, "version" | "type" | "data" | "sentence"> & { change: number, replaces:
 *   boolean }} MadeUp
 */

/** The fold over a growing list of events; in a what-if without some, and with events made up. */
export class Fold {
  #events;
  #without;
  /** @type {Map<number, MadeUp[]>} */
  #madeUp = new Map();
  #snapshots = [INITIAL];
  #latest = INITIAL;
  #latestAt = 0;

  /**
   * @param {Api.Event[]} events
   * @param {number[]} [without]
   * @param {MadeUp[]} [madeUp]
   */
  constructor(events, without = [], madeUp = []) {
    this.#events = events;
    this.#without = new Set(without);
    for (const event of madeUp) {
      if (event.replaces) this.#without.add(event.version);
      this.#madeUp.set(event.version, [...(this.#madeUp.get(event.version) ?? []), event]);
    }
  }

  /**
   * @param {number} version
   * @returns {State}
   */
  at(version) {
    const wanted = Math.min(version, this.#events.length);
    let from =
      Math.min(Math.floor(wanted / SNAPSHOT_EVERY), this.#snapshots.length - 1) * SNAPSHOT_EVERY;
    let state = this.#snapshots[from / SNAPSHOT_EVERY];
    if (this.#latestAt <= wanted && this.#latestAt > from) {
      from = this.#latestAt;
      state = this.#latest;
    }
    for (let index = from; index < wanted; index += 1) {
      const event = this.#events[index];
      const { version, recorded_at } = event;
      if (!this.#without.has(version)) state = evolve(state, event);
      for (const made of this.#madeUp.get(version) ?? [])
        state = evolve(state, { ...made, recorded_at });
      const after = index + 1;
      if (after % SNAPSHOT_EVERY === 0) this.#snapshots[after / SNAPSHOT_EVERY] = state;
    }
    this.#latest = state;
    this.#latestAt = wanted;
    return state;
  }

  /** @type {number[]} */
  #discounts = [0];

  /**
   * The discount at a version: once computed for the whole history, a look-up.
   * @param {number} version
   */
  discountAt(version) {
    while (this.#discounts.length <= version)
      this.#discounts.push(this.at(this.#discounts.length).discount);
    return this.#discounts[version];
  }
}

/** @param {State} state */
export const visibleLines = (state) => state.allLines.filter((line) => line.lots.length > 0);

/**
 * The cart document that the service returns for this state.
 * @param {string} id
 * @param {State} state
 */
export function documentOf(id, state) {
  return {
    id,
    version: state.version,
    status: state.status,
    currency: state.currency,
    lines: visibleLines(state).map(({ sku, name, quantity, total, lots }) => ({
      sku,
      name,
      quantity,
      total,
      lots,
    })),
    promotion: state.promotion && {
      code: state.promotion.code,
      description: state.promotion.description,
    },
    items_total: state.items_total,
    discount: state.discount,
    total: state.total,
    ...(state.order_id ? { order_id: state.order_id } : {}),
    opened_at: state.opened_at,
    changed_at: state.changed_at,
  };
}

/**
 * The lines of `to` that differ from `from`, and the sums, promotion and status of both as pairs.
 * @template T
 * @typedef {[T, T]} Pair
 */

/**
 * Compares two states.
 * @param {State} from
 * @param {State} to
 */
export function difference(from, to) {
  const before = new Map(from.allLines.map((line) => [line.sku, line]));
  const skus = new Set([...to.allLines.map((line) => line.sku), ...before.keys()]);
  const after = new Map(to.allLines.map((line) => [line.sku, line]));
  /** @type {{ sku: string, name: string, quantity: Pair<number>, total: Pair<number> }[]} */
  const lines = [];
  for (const sku of skus) {
    const old = before.get(sku);
    const now = after.get(sku);
    // States share unchanged lines.
    if (
      old === now ||
      ((old?.quantity ?? 0) === (now?.quantity ?? 0) && (old?.total ?? 0) === (now?.total ?? 0))
    )
      continue;
    lines.push({
      sku,
      name: (now ?? old)?.name ?? sku,
      quantity: [old?.quantity ?? 0, now?.quantity ?? 0],
      total: [old?.total ?? 0, now?.total ?? 0],
    });
  }
  /**
   * @type {{ lines: typeof lines, sums: Record<"items_total" | "discount" | "total", Pair<number>>,
   *   promotion: Pair<string | null>, status: Pair<string> }}
   */
  const result = {
    lines,
    sums: {
      items_total: [from.items_total, to.items_total],
      discount: [from.discount, to.discount],
      total: [from.total, to.total],
    },
    promotion: [from.promotion?.code ?? null, to.promotion?.code ?? null],
    status: [from.status, to.status],
  };
  return result;
}
