/** Webhooks: how far each has delivered, and the carts that wait for the operator. */

import { byId, element, fromTemplate, setAttribute, setText } from "../page/element.js";
import { count, duration, fullTime } from "../page/format.js";
import { announce } from "../page/notices.js";
import { isShownByPage } from "../page/operator.js";
import { get, request } from "../service/request.js";
import { poll } from "../service/poll.js";

const POLL_MS = 2000;
/** How many parked carts of a webhook are listed. */
const SHOWN = 20;

/** @type {Record<string, string>} How a state is marked. */
const MARKS = { idle: "open", delivering: "open", waiting: "catching_up", stopped: "failed" };

/** A parked cart in the list, which is kept while the operator types a reason. */
class Parked {
  #parts;
  #path;
  #reload;

  /**
   * @param {string} webhook
   * @param {Api.ParkedCart} cart
   * @param {() => Promise<void>} reload
   */
  constructor(webhook, { cart_id, parked_at }, reload) {
    const { root, parts } = fromTemplate("parked-cart");
    this.root = root;
    this.#parts = parts;
    this.#path = `/api/webhooks/${encodeURIComponent(webhook)}/parked/${cart_id}`;
    this.#reload = reload;
    root.dataset.testid = `parked-${cart_id}`;
    const name = `…${cart_id.slice(-8)}`;
    setAttribute(parts.cart, "href", `/history/${cart_id}`);
    setText(parts.cart, name);
    setText(parts.webhook, webhook);
    setText(parts.since, fullTime(parked_at));
    parts.retry.ariaLabel = `Retry cart ${name}`;
    parts.drop.ariaLabel = `Drop the events of cart ${name}`;
    parts.retry.addEventListener("click", () =>
      this.#send("retry", undefined, "is delivered again"),
    );
    parts.drop.addEventListener("click", () => this.#ask(true));
    parts.cancel.addEventListener("click", () => this.#ask(false));
    parts.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send("drop", { reason: parts.reason.value }, "is dropped");
    });
  }

  /** @param {Api.ParkedCart} cart */
  show({ positions, reason }) {
    setText(this.#parts.events, count(positions.length, "event"));
    setText(this.#parts.why, reason);
    setText(this.#parts.confirm, `Drop ${count(positions.length, "event")}`);
  }

  /** @param {boolean} forReason */
  #ask(forReason) {
    this.#parts.form.hidden = !forReason;
    this.#parts.actions.hidden = forReason;
    (forReason ? this.#parts.reason : this.#parts.drop).focus();
  }

  /**
   * @param {"retry" | "drop"} action
   * @param {object | undefined} body
   * @param {string} outcome
   */
  async #send(action, body, outcome) {
    setText(this.#parts.refusal, "");
    try {
      await request("POST", `${this.#path}/${action}`, { body });
      announce(`Cart ${this.#parts.cart.textContent} ${outcome}`);
    } catch (error) {
      // The page itself shows the loss of connection or session, with the next request.
      setText(this.#parts.refusal, error instanceof Error ? error.message : "");
    }
    await this.#reload();
  }
}

/** The card of webhooks, which is there if any are configured. */
export class Webhooks {
  /** @type {Map<string, Parked>} */
  #parked = new Map();
  #polling = poll(POLL_MS, () => this.#load());

  watch() {
    this.#polling.start();
  }

  stop() {
    this.#polling.stop();
  }

  async #load() {
    try {
      /** @type {{ body: Api.Webhooks }} */
      const { body } = await get("/api/webhooks");
      const waiting = body.items.filter((webhook) => webhook.parked_carts);
      const lists = await Promise.all(waiting.map(parkedCarts));
      byId("webhooks").hidden = !body.items.length;
      byId("webhook-rows").replaceChildren(...body.items.flatMap(rows));
      this.#showParked(lists.flat());
      const all = waiting.reduce((sum, webhook) => sum + webhook.parked_carts, 0);
      setText(byId("parked-words"), words(all, lists.flat().length));
      setText(byId("webhooks-refusal"), "");
    } catch (error) {
      if (!isShownByPage(error)) setText(byId("webhooks-refusal"), error.message);
    }
  }

  /** @param {{ webhook: string, cart: Api.ParkedCart }[]} listed */
  #showParked(listed) {
    const before = this.#parked;
    this.#parked = new Map();
    for (const { webhook, cart } of listed) {
      // A cart that was parked again since is another row.
      const key = `${webhook} ${cart.cart_id} ${cart.parked_at}`;
      const row = before.get(key) ?? new Parked(webhook, cart, () => this.#polling.now());
      before.delete(key);
      row.show(cart);
      this.#parked.set(key, row);
      if (!row.root.isConnected) byId("parked").append(row.root);
    }
    for (const gone of before.values()) gone.root.remove();
  }
}

/** @param {Api.Webhook} webhook */
async function parkedCarts({ name }) {
  const path = `/api/webhooks/${encodeURIComponent(name)}/parked?limit=${SHOWN}`;
  /** @type {{ body: Api.ParkedCartPage }} */
  const { body } = await get(path);
  return body.items.map((cart) => ({ webhook: name, cart }));
}

/**
 * @param {number} all
 * @param {number} shown
 */
function words(all, shown) {
  if (!all) return "No cart waits for you.";
  const listed = all > shown ? ` The first ${shown} are listed.` : "";
  const wait = all === 1 ? "waits" : "wait";
  return `${count(all, "cart")} ${wait} for you: a receiver keeps refusing an event.${listed}`;
}

/** @param {Api.Webhook} webhook */
function rows({ name, url, state, position, lag_ms, parked_carts, last_error }) {
  const status = element("span", { class: "status", data: { status: MARKS[state] } }, state);
  const row = element(
    "tr",
    { testid: `webhook-${name}` },
    element("th", { scope: "row" }, name),
    element("td", {}, status),
    element("td", { class: "number-cell" }, position.toLocaleString("en")),
    element("td", { class: "number-cell" }, lag_ms ? duration(lag_ms) : "none"),
    element("td", { class: "number-cell" }, parked_carts.toLocaleString("en")),
  );
  const detail = last_error ? `${url} · ${last_error}` : url;
  return [row, element("tr", {}, element("td", { class: "detail", colSpan: 5 }, detail))];
}
