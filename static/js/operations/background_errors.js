/** What went wrong in the background lately. */

import { byId, element, setText } from "../page/element.js";
import { fullTime } from "../page/format.js";
import { isShownByPage } from "../page/operator.js";
import { get } from "../service/request.js";
import { poll } from "../service/poll.js";

const POLL_MS = 5000;
const NONE =
  "None. Warnings and errors of views, webhooks, the mirror, traces, checkpoints and other parts " +
  "are listed here.";
const SOME =
  "Warnings and errors of this node’s parts since its start, newest first. " +
  "Some end by themselves: the parts retry.";

/** The card of errors in the background. */
export class BackgroundErrors {
  #polling = poll(POLL_MS, () => this.#load());

  watch() {
    return this.#polling.start();
  }

  stop() {
    this.#polling.stop();
  }

  async #load() {
    try {
      /** @type {{ body: Api.BackgroundErrors }} */
      const { body } = await get("/api/background-errors");
      setText(byId("background-words"), body.items.length ? SOME : NONE);
      byId("background-frame").hidden = !body.items.length;
      byId("background-rows").replaceChildren(...body.items.flatMap(rows));
    } catch (error) {
      if (!isShownByPage(error)) setText(byId("background-words"), error.message);
    }
  }
}

/** @param {Api.BackgroundErrors["items"][number]} error */
function rows({ at, first_at, count, severity, part, message, details }) {
  const mark = severity === "error" ? "failed" : "catching_up";
  const row = element(
    "tr",
    {},
    element("th", { scope: "row" }, fullTime(at)),
    element(
      "td",
      {},
      `${part} `,
      element("span", { class: "status", data: { status: mark } }, severity),
    ),
    element("td", { class: "number-cell" }, count.toLocaleString("en")),
  );
  const said = Object.entries(details).map(([name, value]) => `${name}: ${value}`);
  const more = [...said, count > 1 ? `first ${fullTime(first_at)}` : ""].filter((it) => it);
  const what = element("strong", {}, message);
  const detail = element("td", { class: "detail", colSpan: 3 }, what, ` ${more.join(" · ")}`);
  return [row, element("tr", {}, detail)];
}
