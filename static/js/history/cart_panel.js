/**
 * The cart at the scrubber's version. Every number is a button that explains it. Each product that
 * was ever in the cart keeps its row, so that the layout does not shift while scrubbing.
 */

import { byId, element, fromTemplate, setAttribute, setText } from "../page/element.js";
import { STATUS, SUMS } from "../page/event_types.js";
import { amount, money, signed, signedAmount, timeOfDay } from "../page/format.js";

/**
 * @import { CartHistory } from "./cart_history.js"
 * @import { Moment } from "./moment.js"
 * @import { EventList } from "./event_list.js"
 * @import { Line } from "./fold.js"
 */

/** Characters of an amount that leave room for a name beside it on a narrow page. */
const LONG = 11;

/** A number that can be explained, with its change below. */
class NumberButton {
  #value = element("span", { class: "number-value" });
  #change = element("span", { class: "number-change" });
  #label;

  /**
   * @param {string} why
   * @param {string} label
   * @param {CartHistory} page
   */
  constructor(why, label, page) {
    this.why = why;
    this.#label = label;
    this.#change.dataset.testid = `change-${why}`;
    this.root = element(
      "button",
      {
        class: "number",
        type: "button",
        testid: `number-${why}`,
        data: { why },
        on: { click: () => page.explain(why) },
      },
      this.#value,
    );
    this.cell = [this.root, this.#change];
  }

  /**
   * @param {string} text
   * @param {string} change
   * @param {string | null} asked
   */
  show(text, change, asked) {
    setText(this.#value, text);
    setAttribute(this.root, "aria-label", `${this.#label}: ${text}`);
    setText(this.#change, change);
    setAttribute(
      this.#change,
      "data-sign",
      change ? (change.startsWith("−") ? "minus" : "plus") : null,
    );
    setAttribute(this.root, "aria-pressed", String(asked === this.why));
  }
}

/**
 * A product's row, and what it shows now.
 * @typedef {object} Row
 * @property {HTMLElement} root
 * @property {string} firstName
 * @property {HTMLElement} name
 * @property {HTMLElement} lots
 * @property {NumberButton} quantity
 * @property {NumberButton} total
 * @property {number} place
 * @property {Line} [line]
 * @property {Line} [old]
 * @property {string | null} [why]
 * @property {boolean} [touched]
 */

export class CartPanel {
  #page;
  #eventList;
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** @type {["items_total" | "discount" | "total", NumberButton][]} */
  #sums = [];
  #frame = byId("lines-frame");
  #body = byId("lines");

  /**
   * @param {CartHistory} page
   * @param {EventList} eventList
   */
  constructor(page, eventList) {
    this.#page = page;
    this.#eventList = eventList;
    byId("unpin").addEventListener("click", () => {
      page.pin(page.state.pin);
      byId("slider").focus();
    });
    new ResizeObserver(() => (this.#measured = null)).observe(this.#frame);
    this.#frame.addEventListener("scroll", () => (this.#scrolled = this.#frame.scrollTop), {
      passive: true,
    });
    for (const [field, name] of SUMS) {
      const number = new NumberButton(field, name, page);
      this.#sums.push([field, number]);
      byId(`sum-${field}`).replaceChildren(...number.cell);
    }
  }

  /** @param {Moment} moment */
  show(moment) {
    const { version, head, event, state, base, compared, pin, why } = moment;
    this.#makeRows(moment);
    this.#reveal(this.#rows.get(event.data.sku));
    setText(
      byId("cart-title"),
      moment.hypothetical
        ? `Cart at version ${version}, hypothetical`
        : `Cart at version ${version}`,
    );
    const status = byId("cart-status");
    setText(status, STATUS[state.status]);
    status.dataset.status = state.status;
    this.#offerOrder(this.#eventList.event(head));
    byId("unpin").hidden = compared !== "pin";
    const against = {
      before: "previous event",
      pin: `pinned version ${pin}`,
      actual: "the actual history",
    }[compared];
    const changes =
      compared === "pin" && version === pin
        ? "pinned: select another event to compare"
        : `compared with ${against}`;
    setText(
      byId("compared"),
      `After event ${version.toLocaleString("en")} of ${head.toLocaleString("en")}, at ` +
        `${timeOfDay(event.recorded_at)} · ${changes}`,
    );
    this.#showLines(moment, why);
    const { currency } = this.#eventList;
    for (const [field, number] of this.#sums) {
      number.show(
        money(state[field], currency),
        changeOf(state[field] - base[field], currency),
        why,
      );
    }
    setText(byId("history-promotion"), state.promotion ? state.promotion.code : "");
    byId("history-promotion").title = state.promotion?.description ?? "";
  }

  /**
   * Links to the order: a checkout is the last event of a cart. The holder's receipt shows it also
   * where no order follows.
   * @param {Api.Event} last
   */
  #offerOrder({ type, data }) {
    const { id, byOperator } = this.#eventList;
    byId("cart-order").hidden = type !== "CartCheckedOut";
    byId("cart-order").href = byOperator ? `/orders/${data.order_id}` : `/receipts/${id}`;
  }

  /**
   * @param {Moment} moment
   * @param {string | null} why
   */
  #showLines({ state, base, event, compared, hypothetical }, why) {
    const { currency } = this.#eventList;
    const before = new Map(base.allLines.map((line) => [line.sku, line]));
    const now = new Map(state.allLines.map((line) => [line.sku, line]));
    for (const [sku, row] of this.#rows) {
      const line = now.get(sku);
      const old = before.get(sku);
      const quantity = line?.quantity ?? 0;
      const touched = compared === "before" && event.data.sku === sku;
      // States share unchanged lines: a row that shows them already is up to date.
      if (row.line === line && row.old === old && row.why === why && row.touched === touched)
        continue;
      Object.assign(row, { line, old, why, touched });
      setAttribute(row.root, "data-present", String(quantity > 0));
      row.root.classList.toggle("touched", touched);
      setText(row.name, line?.name ?? row.firstName);
      setText(
        row.lots,
        line && quantity
          ? line.lots
              .map((lot) => `${lot.quantity} × ${amount(lot.unit_price, currency)}`)
              .join(" + ")
          : line
            ? "removed"
            : hypothetical
              ? "not in cart"
              : "not yet in cart",
      );
      this.#widen(money(line?.total ?? 0, currency));
      row.quantity.show(
        String(quantity),
        quantity === (old?.quantity ?? 0) ? "" : signed(quantity - (old?.quantity ?? 0)),
        why,
      );
      row.total.show(
        money(line?.total ?? 0, currency),
        changeOf((line?.total ?? 0) - (old?.total ?? 0), currency),
        why,
      );
    }
  }

  #products = "";

  /**
   * Adds a row for each product of the whole history, in the order of their first event, and for
   * those that a what-if adds.
   * @param {Moment} moment
   */
  #makeRows({ supposed, variant }) {
    const { movesBySku } = this.#eventList;
    const products = `${movesBySku.size} ${variant}`;
    if (products === this.#products) return;
    this.#products = products;
    const names = new Map(
      [...movesBySku].map(([sku, [first]]) => [sku, this.#eventList.event(first).data.name]),
    );
    for (const { data } of supposed.events)
      if (data.sku && !names.has(data.sku)) names.set(data.sku, data.name);
    for (const [sku, { root }] of this.#rows) root.hidden = !names.has(sku);
    for (const [sku, name] of names) {
      if (this.#rows.has(sku)) continue;
      const quantity = new NumberButton(`${sku}.quantity`, `Quantity of ${name}`, this.#page);
      const total = new NumberButton(`${sku}.total`, `Total of ${name}`, this.#page);
      const { root, parts } = fromTemplate("line");
      root.dataset.testid = `history-line-${sku}`;
      parts.quantity.append(...quantity.cell);
      parts.total.append(...total.cell);
      this.#rows.set(sku, {
        root,
        firstName: name,
        name: parts.name,
        lots: parts.lots,
        quantity,
        total,
        place: this.#rows.size,
      });
      this.#body.append(root);
    }
    if (names.size === 0) this.#rows.clear();
    if (names.size === 0)
      this.#body.replaceChildren(
        element(
          "tr",
          {},
          element("td", { class: "nothing soft", colSpan: 3 }, "No items were ever added."),
        ),
      );
    else this.#body.querySelector(".nothing")?.parentElement?.remove();
    this.#measured = null;
  }

  #widest = 0;

  /**
   * Keeps the column of amounts as wide as the widest one so far.
   * @param {string} amount
   */
  #widen({ length }) {
    if (length <= this.#widest) return;
    this.#widest = length;
    const table = /** @type {HTMLElement} */ (this.#body.parentElement);
    table.style.setProperty("--widest", `${length}ch`);
    table.classList.toggle("long", length > LONG);
    this.#measured = null;
  }

  /** @type {{ row: number, frame: number } | null} */
  #measured = null;
  #scrolled = 0;

  /**
   * Scrolls the touched row into view. Called before anything is written: setting a scroll position
   * needs the layout, which would have to be computed again later.
   * @param {Row | undefined} row
   */
  #reveal(row) {
    if (!row) return;
    this.#measured ??= {
      row: row.root.offsetHeight,
      frame: this.#frame.clientHeight - this.#body.offsetTop,
    };
    const { row: height, frame } = this.#measured;
    if (this.#rows.size * height <= frame) return;
    const top = row.place * height;
    const at = Math.min(Math.max(this.#scrolled, top + height - frame), top);
    if (at !== this.#scrolled) this.#frame.scrollTop = this.#scrolled = at;
  }
}

/**
 * @param {number} difference
 * @param {string} currency
 */
const changeOf = (difference, currency) => (difference ? signedAmount(difference, currency) : "");
