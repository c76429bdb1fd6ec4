/** A figure: what it says in a sentence, the chart, and the same as a table for those who cannot see it. */

import { element } from "../page/element.js";

export class Figure {
  #words = element("p", { class: "soft small" });
  #chart = element("div", { class: "chart" });
  #legend = element("ul", { class: "legend small" });
  #frame = element("div", { class: "table-frame", tabIndex: 0, role: "region" });
  #details;
  #title;
  #draw = null;
  #width = 0;

  /** `shape` is `wide`, `tall` or neither; `open` shows the table from the start, where it says more than the chart. */
  constructor(id, title, { shape = "", open = false } = {}) {
    this.#title = title;
    this.#frame.setAttribute("aria-label", `${title}, as a table`);
    this.#details = element("details", { open, testid: `table-${id}` }, element("summary", {}, "As a table"), this.#frame);
    this.root = element("section", { class: `card panel figure ${shape}`, "aria-labelledby": `${id}-title`, testid: `figure-${id}` }, element("h2", { id: `${id}-title` }, title), this.#words, this.#legend, this.#chart, this.#details);
    new ResizeObserver(() => this.#chart.clientWidth !== this.#width && this.#redraw()).observe(this.#chart);
  }

  /**
   * `words` is the sentence, `draw(width)` makes the drawing, or is `null` where there is nothing
   * to draw. `head` names the table's columns, those of numbers behind a `#`; `rows` are its cells.
   */
  show({ words, draw, series = [], head, rows }) {
    this.#words.replaceChildren(...[words].flat());
    this.#legend.replaceChildren(...(draw ? series : []).map(({ name, kind }) => element("li", { class: `kind-${kind}` }, element("span", {}, name))));
    this.#legend.hidden = !draw || !series.length;
    this.#draw = draw;
    this.#details.hidden = !rows.length;
    this.#redraw();
    const numbers = head.map((name) => name.startsWith("#"));
    const cell = (content, at) => element(at ? "td" : "th", { scope: at ? undefined : "row", class: numbers[at] ? "number-cell" : "" }, typeof content === "number" ? content.toLocaleString("en") : content);
    this.#frame.replaceChildren(
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
    this.#width = this.#chart.clientWidth;
    this.#chart.replaceChildren();
    if (!this.#draw || !this.#width) return;
    const drawn = this.#draw(this.#width);
    drawn.setAttribute("aria-label", `Chart: ${this.#title}. The table beneath has its numbers.`);
    this.#chart.append(drawn);
  }
}
