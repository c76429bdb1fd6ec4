/**
 * The panel beside the shop that shows what happens to each command: command, decision, event,
 * view.
 */

import { byId, element, setAttribute, setText } from "../page/element.js";
import { observeAttempts } from "../shop/trace.js";
import { Run } from "./run.js";
import { ms, STAGES, titleOf } from "./stages.js";

/** @import { Attempt } from "../shop/trace.js" */

/** Commands that can be looked at again. */
const KEPT = 12;
const MARKS = { waiting: "…", good: "✓", bad: "✕", none: "–" };
const WORDS = { waiting: "waiting", good: "done", bad: "refused or failed", none: "nothing to do" };

export class PipelinePanel {
  /** @type {Run[]} The newest first. */
  #runs = [];
  /** @type {Run | null} */
  #chosen = null;
  /** @type {string | null} The stage that is opened. */
  #opened = null;
  #count = 0;
  #isRemoved = false;
  #runList = element("ol", { class: "pipeline-runs", "aria-label": "Latest commands" });
  #detail = element("div", {
    class: "pipeline-detail",
    id: "pipeline-detail",
    tabIndex: 0,
    role: "region",
    "aria-label": "Details",
    hidden: true,
    testid: "pipeline-detail",
  });
  #hint = element(
    "p",
    { class: "soft small" },
    "Change the cart to see what its command does: decided by the rules, appended to the log, " +
      "and seen in the view.",
  );
  #stages = STAGES.map((stage) => new StageView(stage, () => this.#open(stage.id)));
  #list = element(
    "ol",
    { class: "pipeline-stages", testid: "pipeline-stages", hidden: true },
    this.#stages.map((view) => view.root),
  );
  #root;
  #stopObserving;
  #drawer = byId("drawer");
  #moving = new MutationObserver(() => this.#place());

  /** @param {() => void} close */
  constructor(close) {
    const end = element(
      "button",
      {
        class: "button quiet small",
        type: "button",
        testid: "pipeline-close",
        on: { click: close },
      },
      "Close",
    );
    const head = element(
      "div",
      { class: "pipeline-head" },
      element("h2", { id: "pipeline-title" }, "What happens"),
      this.#runList,
      end,
    );
    this.#root = element(
      "section",
      {
        class: "pipeline",
        id: "pipeline",
        "aria-labelledby": "pipeline-title",
        testid: "pipeline",
      },
      head,
      this.#hint,
      this.#list,
      this.#detail,
    );
    this.#stopObserving = observeAttempts((attempt) => this.#observe(attempt));
    this.#moving.observe(this.#drawer, { attributeFilter: ["open"] });
    this.#place();
  }

  remove() {
    this.#isRemoved = true;
    this.#stopObserving();
    this.#moving.disconnect();
    this.#root.remove();
  }

  /**
   * Outside of an open dialog everything is inert, so the panel moves into it once it stands still.
   */
  async #place() {
    if (this.#drawer.open)
      await Promise.allSettled(this.#drawer.getAnimations().map((it) => it.finished));
    if (this.#isRemoved) return;
    const home = this.#drawer.open ? this.#drawer : document.body;
    if (this.#root.parentNode !== home) home.append(this.#root);
  }

  /** @param {Attempt} attempt */
  async #observe(attempt) {
    let run = this.#runs.find((it) => it.attempt === attempt);
    if (!run) {
      this.#count += 1;
      run = new Run(this.#count, attempt);
      this.#runs = [run, ...this.#runs].slice(0, KEPT);
      // A stage that is being read stays: the next command waits in the list.
      if (!this.#opened) this.#chosen = run;
    }
    this.#show();
    if (run.outcome === "waiting") return;
    await run.read();
    this.#show();
  }

  /** @param {string} id */
  #open(id) {
    this.#opened = this.#opened === id ? null : id;
    this.#show();
  }

  /** @param {Run} run */
  #choose(run) {
    this.#chosen = run;
    this.#show();
  }

  #show() {
    const run = this.#chosen;
    this.#hint.hidden = Boolean(run);
    this.#list.hidden = !run;
    this.#detail.hidden = !run || !this.#opened;
    this.#showRuns();
    if (!run) return;
    for (const view of this.#stages) view.show(run, view.stage.id === this.#opened);
    const opened = STAGES.find(({ id }) => id === this.#opened);
    if (!opened) return;
    this.#detail.ariaLabel = `${opened.name} of ${titleOf(run)}`;
    this.#detail.replaceChildren(...opened.explain(run));
  }

  #showRuns() {
    // Buttons are kept, so that the focus is.
    const items = new Map(
      [...this.#runList.children].map((item) => [
        /** @type {HTMLElement} */ (item).dataset.run,
        item,
      ]),
    );
    const wanted = this.#runs.map((run) => items.get(String(run.number)) ?? this.#item(run));
    if (
      wanted.some((item, at) => this.#runList.children[at] !== item) ||
      wanted.length !== this.#runList.children.length
    )
      this.#runList.replaceChildren(...wanted);
    for (const [at, run] of this.#runs.entries()) {
      const [button] = wanted[at].children;
      const mark = { waiting: "…", written: "✓", unchanged: "–", refused: "✕", failed: "!" }[
        run.outcome
      ];
      setText(button, `${mark} ${titleOf(run)}`);
      setAttribute(button, "aria-pressed", String(run === this.#chosen));
      button.ariaLabel = `${titleOf(run)}, ${run.outcome}, ${ms(run.tookMs)}`;
    }
  }

  /** @param {Run} run */
  #item(run) {
    const button = element("button", {
      type: "button",
      class: "pipeline-run",
      testid: `run-${run.number}`,
      on: { click: () => this.#choose(run) },
    });
    return element("li", { data: { run: String(run.number) } }, button);
  }
}

/** One stage: a button that opens what the stage did. */
class StageView {
  #mark = element("span", { class: "stage-mark", "aria-hidden": "true" });
  #state = element("span", { class: "unseen" });
  #what = element("span", { class: "stage-what" });
  #time = element("span", { class: "stage-time" });
  #button;
  #run = 0;

  /**
   * @param {import("./stages.js").Stage} stage
   * @param {() => void} open
   */
  constructor(stage, open) {
    this.stage = stage;
    this.#what.dataset.testid = `stage-${stage.id}-what`;
    this.#time.dataset.testid = `stage-${stage.id}-time`;
    this.#button = element(
      "button",
      {
        type: "button",
        class: "stage",
        "aria-expanded": "false",
        "aria-controls": "pipeline-detail",
        testid: `stage-${stage.id}`,
        on: { click: open },
      },
      this.#mark,
      element("span", { class: "stage-name" }, stage.name),
      this.#state,
      this.#what,
      this.#time,
    );
    this.root = element("li", {}, this.#button);
  }

  /**
   * @param {Run} run
   * @param {boolean} isOpen
   */
  show(run, isOpen) {
    const { state, what, time } = this.stage.show(run);
    setAttribute(this.#button, "aria-expanded", String(isOpen));
    setText(this.#mark, MARKS[state]);
    setText(this.#state, WORDS[state]);
    setText(this.#what, what);
    setText(this.#time, time);
    // The animation of a stage begins when the stage is reached, once for each command.
    if (this.#run !== run.number) this.root.dataset.state = "waiting";
    this.#run = run.number;
    requestAnimationFrame(() => (this.root.dataset.state = state));
  }
}
