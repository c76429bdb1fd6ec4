/**
 * A figure: what it says in a sentence, the chart, and the same as a table for those who cannot see
 * it. Charts are SVG made of the numbers, in the width that there is, so that text keeps its size.
 */

import { byId, element, partsOf, setText } from "../page/element.js";

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter(Boolean));
  return made;
}

/** One image to those who hear it, whose name is the figure's to give. */
const drawing = (width, height, children) => svg("svg", { class: "drawing", width, height, viewBox: `0 0 ${width} ${height}`, role: "img" }, ...children);

const LETTER = 7.4;

/** Text at a place, cut to about `room` pixels, with all of it as its title. */
function label(x, y, words, { room = Infinity, ...attributes } = {}) {
  const fits = Math.max(Math.floor(room / LETTER), 3);
  const cut = words.length > fits ? `${words.slice(0, fits - 1).trimEnd()}…` : words;
  return svg("text", { x, y, ...attributes }, cut, cut === words ? null : svg("title", {}, words));
}

const bar = (x, y, width, height, kind, title) => svg("rect", { x, y, width: Math.max(width, 0), height, rx: Math.min(2, height / 2), class: `kind-${kind}` }, svg("title", {}, title));

const WIDE = 460;
const NAMES = 184;
const VALUES = 92;
const GAP = 14;

/**
 * Lying bars: a row each for `rows` (`{name, values}`), a bar each for `series` (`{name, kind}`); a
 * row with a `kind` of its own is drawn in that. `write(value, row)` says what is at a bar's
 * end. Names stand beside the bars, or above them where they are `long` or the room is small.
 */
export function bars(width, rows, series, { write = (value) => value.toLocaleString("en"), long = false } = {}) {
  const wide = width >= WIDE && !long;
  const thick = series.length > 1 ? 12 : 20;
  const above = wide ? 0 : 20;
  const tall = above + series.length * thick + GAP;
  const left = wide ? NAMES : 0;
  const most = Math.max(...rows.flatMap((row) => row.values), 1);
  const scale = Math.max(width - left - VALUES, 20) / most;
  const drawn = rows.flatMap((row, index) => {
    const top = index * tall + GAP / 2;
    const name = wide ? label(0, top + (series.length * thick) / 2 + 5, row.name, { room: NAMES - 12 }) : label(0, top + 13, row.name, { room: width });
    const lines = row.values.flatMap((value, at) => {
      const y = top + above + at * thick;
      const { name: what, kind } = { ...series[at], ...(row.kind && { kind: row.kind }) };
      const words = write(value, row);
      return [bar(left, y + 1, Math.max(value * scale, value ? 2 : 0), thick - 2, kind, `${row.name}: ${words} ${what}`), label(left + value * scale + 6, y + thick / 2 + 4, words, { class: "value" })];
    });
    return [name, ...lines];
  });
  return drawing(width, rows.length * tall, drawn);
}

const ROW = 46;
const AXIS = 22;

/**
 * A strip each for `rows` (`{name, kind, total, points: [{at, value}]}`), one above the other over
 * the same time: from `first` to `last` in steps of `step` milliseconds. Each strip has a scale of
 * its own, whose top is written beside it. `when(at)` writes a time.
 */
export function strips(width, rows, { first, last, step }, when) {
  const wide = width >= WIDE;
  const left = wide ? NAMES : 0;
  const above = wide ? 0 : 18;
  const tall = ROW + above;
  const room = width - left - 44;
  const count = Math.round((last - first) / step) + 1;
  const pitch = room / count;
  const drawn = rows.flatMap((row, index) => {
    const top = index * tall;
    const base = top + above + ROW - 8;
    const most = Math.max(...row.points.map((point) => point.value), 1);
    return [
      label(0, wide ? base - 14 : top + 14, row.name, { room: NAMES - 60 }),
      label(wide ? left - 14 : width, wide ? base - 14 : top + 14, row.total.toLocaleString("en"), { class: "value", "text-anchor": "end" }),
      svg("line", { x1: left, x2: left + room, y1: base, y2: base, class: "axis" }),
      label(left + room + 6, base - 22, most.toLocaleString("en"), { class: "faint" }),
      ...row.points.map(({ at, value }) => {
        const high = Math.max((value / most) * (ROW - 18), 2);
        return bar(left + ((at - first) / step) * pitch + pitch * 0.1, base - high, Math.max(Math.min(pitch * 0.8, 40), 1), high, row.kind, `${when(at)}: ${value.toLocaleString("en")} × ${row.name}`);
      }),
    ];
  });
  const height = rows.length * tall + AXIS;
  const time = (at, x, anchor) => label(x, height - 5, when(at), { class: "faint", "text-anchor": anchor });
  const ends = count > 1 ? [time(first, left, "start"), time(last, left + room, "end")] : [time(first, left, "start")];
  if (count > 4 && room > 400) ends.push(time(first + Math.floor(count / 2) * step, left + room / 2, "middle"));
  return drawing(width, height, [...drawn, ...ends]);
}

export class Figure {
  #parts;
  #title;
  #draw = null;
  #width = 0;

  constructor(id) {
    this.#parts = partsOf(byId(id));
    this.#title = byId(`${id}-title`).textContent;
    const { chart } = this.#parts;
    new ResizeObserver(() => chart.clientWidth !== this.#width && this.#redraw()).observe(chart);
  }

  /**
   * `words` is the sentence, `draw(width)` makes the drawing, or is `null` where there is nothing
   * to draw; `span` is the time that it is about. `head` names the table's columns, those of numbers behind a `#`; `rows` are its cells.
   */
  show({ words, draw, series = [], head, rows, span = "All time" }) {
    const { legend, details, frame } = this.#parts;
    setText(this.#parts.span, span);
    setText(this.#parts.words, words);
    legend.replaceChildren(...(draw ? series : []).map(({ name, kind }) => element("li", { class: `kind-${kind}` }, element("span", {}, name))));
    legend.hidden = !draw || !series.length;
    this.#draw = draw;
    details.hidden = !rows.length;
    this.#redraw();
    const numbers = head.map((name) => name.startsWith("#"));
    const cell = (content, at) => element(at ? "td" : "th", { scope: at ? undefined : "row", class: numbers[at] ? "number-cell" : "" }, typeof content === "number" ? content.toLocaleString("en") : content);
    frame.replaceChildren(
      element(
        "table",
        { class: "plain" },
        element("thead", {}, element("tr", {}, ...head.map((name, at) => element("th", { scope: "col", class: numbers[at] ? "number-cell" : "" }, name.replace("#", ""))))),
        element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell)))),
      ),
    );
  }

  /** Draws at once, in the width that there is now: a frame later what is beneath would jump. */
  #redraw() {
    // Another period has fewer rows, or none: what lies beneath stays where it is.
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
