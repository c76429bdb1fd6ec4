/**
 * State or events? Side by side: the rows that a state-based service would keep, and the events
 * that are kept here. What the rows have lost is marked.
 */

import { byId, element } from "../page/element.js";
import { amount, count, timeOfDay } from "../page/format.js";
import { countUpTo } from "./event_list.js";
import { visibleLines } from "./fold.js";
import { stepLink } from "./playback.js";

/**
 * @import { CartHistory } from "./cart_history.js"
 * @import { Moment } from "./moment.js"
 * @import { EventList } from "./event_list.js"
 * @import { Line, State } from "./fold.js"
 */

const ROWS = 8;
const EVENTS = 9;
const FACTS = 6;

export class StateOrEvents {
  #page;
  #eventList;
  #root = byId("state-or-events");
  #shown = "";

  /**
   * @param {CartHistory} page
   * @param {EventList} eventList
   */
  constructor(page, eventList) {
    this.#page = page;
    this.#eventList = eventList;
  }

  /** @param {Moment} moment */
  show({ version, actual, event, hypothetical }) {
    const key = `${version} ${hypothetical}`;
    if (key === this.#shown) return;
    this.#shown = key;
    const lines = visibleLines(actual);
    const forgotten = this.#lostFacts(version, actual);
    const kept = this.#visible(version, actual).size;
    this.#root.replaceChildren(
      element(
        "p",
        { class: "hypothetical-note", testid: "state-actual", hidden: !hypothetical },
        "The actual history, not the what-if: these rows could not answer one, because they " +
          "have no past to change.",
      ),
      element("p", { class: "soft small" }, "A state-based service would keep only these rows:"),
      this.#rows(lines, actual, event, version),
      element(
        "p",
        { class: "verdict", testid: "forgotten-count" },
        element("strong", {}, `${version - kept} of ${version}`),
        version === 1
          ? " event left no trace in these rows."
          : " events left no trace in these rows.",
      ),
      element(
        "ul",
        { class: "forgotten", testid: "forgotten", hidden: !forgotten.length },
        ...forgotten,
      ),
      element("p", { class: "soft small" }, "The events kept here, newest first:"),
      this.#events(version, actual),
    );
  }

  /**
   * Versions of the events that the rows still show: the last one of each row.
   * @param {number} version
   * @param {State} actual
   */
  #visible(version, actual) {
    /** @type {Set<number>} */
    const visible = new Set(actual.promotion_version ? [actual.promotion_version] : []);
    for (const line of visibleLines(actual))
      visible.add(this.#movesOf(line.sku, version).at(-1) ?? version);
    if (actual.status !== "open") visible.add(version);
    return visible;
  }

  /**
   * @param {string} sku
   * @param {number} version
   */
  #movesOf(sku, version) {
    const moves = this.#eventList.movesBySku.get(sku) ?? [];
    return moves.slice(0, countUpTo(moves, version));
  }

  /**
   * @param {Line[]} lines
   * @param {State} actual
   * @param {Api.Event} event
   * @param {number} version
   */
  #rows(lines, actual, event, version) {
    const { currency } = this.#eventList;
    /** @param {Line} line */
    const row = (line) => {
      const last = this.#eventList.event(this.#movesOf(line.sku, version).at(-1) ?? version);
      return element(
        "tr",
        { class: event.data.sku === line.sku ? "written" : "" },
        element("th", { scope: "row" }, line.sku),
        element("td", {}, String(line.quantity)),
        element("td", {}, amount(line.total, currency)),
        element("td", {}, timeOfDay(last.recorded_at)),
      );
    };
    const head = element(
      "thead",
      {},
      element(
        "tr",
        {},
        ...["sku", "quantity", "total", "updated"].map((name) =>
          element("th", { scope: "col" }, name),
        ),
      ),
    );
    const more =
      lines.length > ROWS
        ? element(
            "tr",
            {},
            element("td", { colSpan: 4, class: "soft" }, `${lines.length - ROWS} more`),
          )
        : null;
    const none = lines.length
      ? null
      : element("tr", {}, element("td", { colSpan: 4, class: "soft" }, "no rows"));
    const cart =
      `cart: ${actual.status.replace("_", " ")}, promotion ${actual.promotion?.code ?? "none"}, ` +
      `total ${amount(actual.total, currency)}`;
    return element(
      "div",
      {
        class: "rows-frame",
        tabIndex: 0,
        role: "region",
        "aria-label": "Rows of a state-based service",
      },
      element(
        "table",
        { class: "rows", testid: "rows" },
        head,
        element("tbody", {}, ...lines.slice(0, ROWS).map(row), more, none),
      ),
      element("p", { class: "cart-row" }, cart),
    );
  }

  /**
   * @param {number} version
   * @param {State} actual
   */
  #lostFacts(version, actual) {
    /** @type {[string, string][]} */
    const facts = [];
    for (const line of actual.allLines) {
      const moves = this.#movesOf(line.sku, version);
      const first = this.#eventList.event(moves[0]);
      if (!line.lots.length)
        facts.push([
          "no row",
          `${line.name} was in the cart from ${timeOfDay(first.recorded_at)} to ` +
            `${timeOfDay(this.#eventList.event(moves.at(-1) ?? version).recorded_at)}.`,
        ]);
      else if (moves.length > 1) {
        const most = Math.max(
          ...moves
            .slice(-50)
            .map(
              (it) =>
                this.#eventList.fold.at(it).allLines.find(({ sku }) => sku === line.sku)
                  ?.quantity ?? 0,
            ),
        );
        const were = most > line.quantity ? `, peaked at ${most}` : "";
        facts.push([
          "overwritten",
          `${line.name} changed ${moves.length === 2 ? "once" : `${moves.length - 1} times`} ` +
            `since ${timeOfDay(first.recorded_at)}${were}.`,
        ]);
      }
      if (line.lots.length > 1)
        facts.push([
          "merged",
          `${line.name} has units at ${line.lots.length} prices; a row keeps one sum.`,
        ]);
    }
    const promotions = this.#eventList.promotions.slice(
      0,
      countUpTo(this.#eventList.promotions, version),
    );
    const tried = new Set(promotions.map((it) => this.#eventList.event(it).data.code));
    tried.delete(actual.promotion?.code ?? "");
    if (tried.size)
      facts.push([
        "gone",
        `Promotion ${[...tried].join(", ")} no longer ${tried.size === 1 ? "applies" : "apply"}.`,
      ]);
    const shown = facts
      .slice(-FACTS)
      .map(([mark, words]) =>
        element("li", {}, element("span", { class: "mark" }, mark), " ", words),
      );
    if (facts.length > FACTS)
      shown.push(element("li", { class: "soft" }, `${facts.length - FACTS} more`));
    return shown;
  }

  /**
   * @param {number} version
   * @param {State} actual
   */
  #events(version, actual) {
    const visible = this.#visible(version, actual);
    /** @type {Api.Event[]} */
    const newest = [];
    for (let at = version; at > Math.max(version - EVENTS, 0); at -= 1)
      newest.push(this.#eventList.event(at));
    return element(
      "ol",
      { class: "kept", testid: "kept-events" },
      ...newest.map((event) =>
        element(
          "li",
          { class: visible.has(event.version) ? "in-row" : "lost" },
          stepLink(this.#page, event.version),
          element("span", {}, event.sentence),
          element(
            "span",
            { class: "mark" },
            visible.has(event.version) ? "visible" : "only in the log",
          ),
        ),
      ),
      version > EVENTS
        ? element("li", { class: "soft" }, count(version - EVENTS, "earlier event"))
        : null,
    );
  }
}
