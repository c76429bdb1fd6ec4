/**
 * A figure: a sentence, an SVG chart, and the same data as an accessible table. Charts are drawn in
 * the available width, so that text keeps its size.
 */

import { byId, element, partsOf, setText } from "../page/element.js";

/**
 * @typedef {{ name: string, kind?: string }} Series
 * @typedef {{ name: string, values: number[], kind?: string, lift?: number }} BarRow
 * @typedef {{ name: string, kind: string, total: number, points: { at: number, value: number }[] }}
 *   StripRow
 * @typedef {string | number | Node} Cell
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {...(Node | string | null)} children
 * @returns {SVGElement}
 */
function svg(tag, attributes = {}, ...children) {
  const created = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, String(value));
  created.append(...children.filter((child) => child !== null));
  return created;
}

/**
 * One image to screen readers; the figure names it.
 * @param {number} width
 * @param {number} height
 * @param {Node[]} children
 */
const drawing = (width, height, children) =>
  svg(
    "svg",
    { class: "drawing", width, height, viewBox: `0 0 ${width} ${height}`, role: "img" },
    ...children,
  );

/**
 * The width of text as the reader's browser sets it: its spacing may be theirs.
 * @param {string} words
 * @param {string} [name] The class of the text.
 */
function widthOf(words, name = "") {
  const text = /** @type {SVGTextElement} */ (svg("text", { class: name }, words));
  const probe = drawing(0, 0, [text]);
  document.body.append(probe);
  const width = text.getComputedTextLength();
  probe.remove();
  return width;
}

/** @param {string[]} all */
const widest = (all) => all.reduce((one, other) => (other.length > one.length ? other : one), "");

/**
 * Text cut to about `room` pixels, with the full text as its title.
 * @param {number} x
 * @param {number} y
 * @param {string} words
 * @param {{ room?: number } & Record<string, string | number>} [options]
 */
function label(x, y, words, { room = Infinity, ...attributes } = {}) {
  const wide = room === Infinity ? 0 : widthOf(words);
  // Letters differ in width: some room is left for a cut that happens to have the wide ones.
  const fits = Math.max(Math.floor((words.length * room * 0.9) / wide), 3);
  const cut = wide > room ? `${words.slice(0, fits - 1).trimEnd()}…` : words;
  return svg("text", { x, y, ...attributes }, cut, cut === words ? null : svg("title", {}, words));
}

/**
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 * @param {string} kind
 * @param {string} title
 */
const bar = (x, y, width, height, kind, title) =>
  svg(
    "rect",
    { x, y, width: Math.max(width, 0), height, rx: Math.min(2, height / 2), class: `kind-${kind}` },
    svg("title", {}, title),
  );

const WIDE = 460;
const NAMES = 184;
const GAP = 14;

/**
 * Horizontal bars, one row for each of `rows` and one bar for each of `series`; a row's own `kind`
 * wins. `write` formats a bar's label. Names are beside the bars, or above them if `long` or
 * narrow.
 * @param {number} width
 * @param {BarRow[]} rows
 * @param {Series[]} series
 * @param {{ write?: (value: number, row: BarRow) => string, long?: boolean }} [options]
 */
export function bars(
  width,
  rows,
  series,
  { write = (value) => value.toLocaleString("en"), long = false } = {},
) {
  const wide = width >= WIDE && !long;
  const thick = series.length > 1 ? 12 : 20;
  const above = wide ? 0 : 20;
  const tall = above + series.length * thick + GAP;
  const left = wide ? NAMES : 0;
  const most = Math.max(...rows.flatMap((row) => row.values), 1);
  const values =
    widthOf(widest(rows.flatMap((row) => row.values.map((value) => write(value, row)))), "value") +
    8;
  const scale = Math.max(width - left - values, 20) / most;
  const drawn = rows.flatMap((row, index) => {
    const top = index * tall + GAP / 2;
    const name = wide
      ? label(0, top + (series.length * thick) / 2 + 5, row.name, { room: NAMES - 12 })
      : label(0, top + 13, row.name, { room: width });
    const lines = row.values.flatMap((value, at) => {
      const y = top + above + at * thick;
      const { name: what, kind = "" } = { ...series[at], ...(row.kind && { kind: row.kind }) };
      const words = write(value, row);
      return [
        bar(
          left,
          y + 1,
          Math.max(value * scale, value ? 2 : 0),
          thick - 2,
          kind,
          `${row.name}: ${words} ${what}`,
        ),
        label(left + value * scale + 6, y + thick / 2 + 4, words, { class: "value" }),
      ];
    });
    return [name, ...lines];
  });
  return drawing(width, rows.length * tall, drawn);
}

const ROW = 46;
const AXIS = 22;

/**
 * One strip for each of `rows` over the same time axis, from `first` to `last` in steps of `step`
 * milliseconds, with `gaps` of which nothing is known. Each strip has its own scale, with its peak
 * at the right. `when` formats a time.
 * @param {number} width
 * @param {StripRow[]} rows
 * @param {{ first: number, last: number, step: number, gaps?: { from: number, to: number }[] }}
 *   time
 * @param {(at: number) => string} when
 */
export function strips(width, rows, { first, last, step, gaps = [] }, when) {
  const wide = width >= WIDE;
  const left = wide ? NAMES : 0;
  const above = wide ? 0 : 18;
  const tall = ROW + above;
  const room =
    width -
    left -
    widthOf(
      widest(rows.flatMap((row) => row.points.map(({ value }) => value.toLocaleString("en")))),
      "faint",
    ) -
    8;
  const count = Math.round((last - first) / step) + 1;
  const pitch = room / count;
  /** @param {number} at */
  const x = (at) => left + ((at - first) / step) * pitch;
  const drawn = rows.flatMap((row, index) => {
    const top = index * tall;
    const base = top + above + ROW - 8;
    const most = Math.max(...row.points.map((point) => point.value), 0);
    return [
      label(0, wide ? base - 14 : top + 14, row.name, { room: NAMES - 60 }),
      label(wide ? left - 14 : width, wide ? base - 14 : top + 14, row.total.toLocaleString("en"), {
        class: "value",
        "text-anchor": "end",
      }),
      ...gaps.map(({ from, to }) =>
        bar(
          x(from),
          base - ROW + 18,
          x(to) - x(from),
          ROW - 18,
          "gap",
          `${when(from)} to ${when(to)}: not measured`,
        ),
      ),
      svg("line", { x1: left, x2: left + room, y1: base, y2: base, class: "axis" }),
      label(left + room + 6, base - 14, most.toLocaleString("en"), { class: "faint" }),
      ...row.points.map(({ at, value }) => {
        const high = Math.max((value / (most || 1)) * (ROW - 18), 2);
        return bar(
          x(at) + pitch * 0.1,
          base - high,
          Math.max(Math.min(pitch * 0.8, 40), 1),
          high,
          row.kind,
          `${when(at)}: ${value.toLocaleString("en")} × ${row.name}`,
        );
      }),
    ];
  });
  const height = rows.length * tall + AXIS;
  /** @param {number} at @param {number} x @param {string} anchor */
  const time = (at, x, anchor) =>
    label(x, height - 5, when(at), { class: "faint", "text-anchor": anchor });
  const ends =
    count > 1
      ? [time(first, left, "start"), time(last, left + room, "end")]
      : [time(first, left, "start")];
  if (count > 4 && room > 400)
    ends.push(time(first + Math.floor(count / 2) * step, left + room / 2, "middle"));
  return drawing(width, height, [...drawn, ...ends]);
}

export class Figure {
  #parts;
  #title;
  /** @type {((width: number) => SVGElement) | null} */
  #draw = null;
  #width = 0;

  /** @param {string} id */
  constructor(id) {
    this.#parts = partsOf(byId(id));
    this.#title = byId(`${id}-title`).textContent;
    const { chart } = this.#parts;
    new ResizeObserver(() => chart.clientWidth !== this.#width && this.#redraw()).observe(chart);
  }

  /**
   * @param {object} content
   * @param {string} content.words
   * @param {((width: number) => SVGElement) | null} content.draw
   * @param {Series[]} [content.series]
   * @param {string[]} content.head The table's columns; a `#` marks one of numbers.
   * @param {Cell[][]} content.rows
   * @param {string} [content.span] The period, if it is not that of the section.
   */
  show({ words, draw, series = [], head, rows, span = "" }) {
    const { legend, details, frame } = this.#parts;
    setText(this.#parts.span, span);
    this.#parts.span.hidden = !span;
    setText(this.#parts.words, words);
    legend.replaceChildren(
      ...(draw ? series : []).map(({ name, kind }) =>
        element("li", { class: `kind-${kind}` }, element("span", {}, name)),
      ),
    );
    legend.hidden = !draw || !series.length;
    this.#draw = draw;
    details.hidden = !rows.length;
    this.#redraw();
    const numbers = head.map((name) => name.startsWith("#"));
    /** @param {Cell} content @param {number} at */
    const cell = (content, at) =>
      element(
        at ? "td" : "th",
        { scope: at ? undefined : "row", class: numbers[at] ? "number-cell" : "" },
        typeof content === "number" ? content.toLocaleString("en") : content,
      );
    frame.replaceChildren(
      element(
        "table",
        { class: "plain" },
        element(
          "thead",
          {},
          element(
            "tr",
            {},
            ...head.map((name, at) =>
              element(
                "th",
                { scope: "col", class: numbers[at] ? "number-cell" : "" },
                name.replace("#", ""),
              ),
            ),
          ),
        ),
        element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell)))),
      ),
    );
  }

  /** Draws at once: a frame later, what is below would shift. */
  #redraw() {
    // Another period may have fewer rows: the height is kept, to avoid a layout shift.
    const { chart } = this.#parts;
    const high = this.#width === chart.clientWidth ? chart.clientHeight : 0;
    chart.style.minHeight = `${high}px`;
    this.#width = chart.clientWidth;
    chart.replaceChildren();
    if (!this.#draw || !this.#width) return;
    const drawn = this.#draw(this.#width);
    drawn.setAttribute("aria-label", `Chart: ${this.#title}. See the table below for its numbers.`);
    chart.append(drawn);
  }
}
