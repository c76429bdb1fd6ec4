/**
 * Whether what is shown can be trusted: the service's view equals this page's fold of the log,
 * the view is not behind, and each event names the hash of the one before it.
 */

import { byId } from "../page/element.js";
import { showLight } from "../page/notices.js";
import { get } from "../service/request.js";
import { documentOf } from "./fold.js";

export class Lights {
  #chronicle;
  #page;

  constructor(page, chronicle) {
    this.#page = page;
    this.#chronicle = chronicle;
  }

  async check() {
    const { id, head } = this.#chronicle;
    const broken = this.#chronicle.firstBrokenLink();
    if (broken) this.#set("chain", "bad", `Event ${broken} does not name the hash of the one before it`);
    else this.#set("chain", "good", "Unbroken: each event names the hash before it");
    if (this.#chronicle.byOperator) return this.#checkByOperator();
    const asked = performance.now();
    try {
      const { body } = await get(`/api/carts/${id}?min_version=${head}`, { headers: { Prefer: "wait=2" } });
      const took = performance.now() - asked;
      if (this.#chronicle.head < body.version) await this.#chronicle.catchUp();
      this.#compare(body);
      this.#set("lag", "good", body.version === 1 ? "The view has the one event" : `The view has all ${body.version.toLocaleString("en")} events`);
      return took;
    } catch (error) {
      this.#set("lag", error.slug === "view-behind" ? "bad" : "waiting", error.slug === "view-behind" ? "The view is behind the log" : "The view could not be asked");
      return null;
    }
  }

  /** The operator opens no cart, and knows how far its view is: its position against the last event's. */
  async #checkByOperator() {
    this.#set("fold", "waiting", "View against events: verify under Operations");
    try {
      const asked = performance.now();
      const { body } = await get("/api/views");
      const { position } = body.items.find((view) => view.name === "carts");
      const { position: newest } = this.#chronicle.event(this.#chronicle.head);
      this.#set("lag", position < newest ? "waiting" : "good", position < newest ? `The view is ${(newest - position).toLocaleString("en")} events behind` : "The view has read this cart’s newest event");
      return position < newest ? null : performance.now() - asked;
    } catch {
      this.#set("lag", "waiting", "The view could not be asked");
      return null;
    }
  }

  /** An event came while the page is open: measures how soon the view had it, once for a burst. */
  async arrived(event, came) {
    const at = this.#chronicle.head;
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (at !== this.#chronicle.head) return;
    const took = await this.check();
    if (took === null) return;
    const delay = performance.now() - came;
    for (const version of this.#chronicle.siblings(event)) this.#chronicle.event(version).view_delay_ms = delay;
    if (this.#chronicle.head === at) this.#set("lag", "good", `The view had event ${at.toLocaleString("en")} within ${Math.max(Math.round(delay), 1)} ms`);
    this.#page.refresh();
  }

  #compare(document) {
    const folded = documentOf(this.#chronicle.id, this.#chronicle.fold.at(document.version));
    const differing = differingFields(folded, document);
    if (differing.length) this.#set("fold", "bad", `The view differs from the sum of its events in: ${differing.join(", ")}`);
    else this.#set("fold", "good", "The view equals the sum of these events");
  }

  #set(name, state, words) {
    showLight(byId(`light-${name}`), state, words);
  }
}

function differingFields(folded, document) {
  const names = new Set([...Object.keys(folded), ...Object.keys(document)]);
  return [...names].filter((name) => sorted(folded[name] ?? null) !== sorted(document[name] ?? null));
}

/** JSON with its keys in order, so that two spellings of one value are equal. */
const sorted = (value) => JSON.stringify(value, (_, it) => (it && typeof it === "object" && !Array.isArray(it) ? Object.fromEntries(Object.entries(it).sort(([a], [b]) => (a < b ? -1 : 1))) : it));
