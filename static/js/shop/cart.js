/**
 * The shopper's cart: the last version from the service, the pending commands on top, and the
 * refusals. Views subscribe and render; they never call the service themselves.
 */

import { connectionBack, connectionLost, showStream, toast } from "../page/notices.js";
import {
  currentCart,
  forgetCart,
  leaveCart,
  onCurrentCartElsewhere,
  rememberCart,
} from "../service/own_carts.js";
import { get, Problem } from "../service/request.js";
import { retryNow, whenBack } from "../service/retry.js";
import { follow, ofCart } from "../service/stream.js";
import { command, opensCart, requestOf, shownCart } from "./commands.js";
import { Outbox } from "./outbox.js";
import { limitReached } from "./quantity.js";
import { Refusals, refusalWords } from "./refusals.js";

/**
 * @import { Catalogue } from "./catalogue.js"
 * @import { Command, ShownCart } from "./commands.js"
 */

/** How long a burst of clicks may pause and still be one request. */
const BURST_MS = 250;
const AWAY = "You’re offline. Changes are saved and will sync.";

/** @typedef {(shown: ShownCart, completed?: Command) => void} Listener */

export class ShoppersCart {
  /** @type {Api.Cart | null} */
  #document = null;
  /** @type {Set<Listener>} */
  #listeners = new Set();
  #catalogue;
  #outbox;
  #stopFollowing = () => {};
  #cancelRetry = () => {};
  #newest = 0;
  #catchingUp = false;
  #refusals = new Refusals();
  /**
   * The refused commands that only a new cart would accept, by their places.
   * @type {Map<string, Command>}
   */
  forNewCart = new Map();
  /**
   * How the cart differs from what the shop sells today.
   * @type {Api.CartNotice[]}
   */
  #notices = [];
  /** Whether the cart has been loaded. */
  ready = false;

  /** @param {Catalogue} catalogue */
  constructor(catalogue) {
    this.#catalogue = catalogue;
    this.#outbox = new Outbox({
      requestOf: (waiting) => requestOf(waiting, this.#document),
      changed: () => this.#notify(),
      completed: (completed, body) => this.#completed(completed, body),
      refused: (refused, error) => this.#refused(refused, error),
      unreachable: (error) => this.#unreachable(error),
    });
    onCurrentCartElsewhere((id) => {
      if (id !== this.#document?.id) this.load();
    });
  }

  /** @param {Listener} listener */
  subscribe(listener) {
    this.#listeners.add(listener);
    listener(this.shown);
  }

  get shown() {
    return shownCart(this.#document, this.#outbox.queue, (sku) => this.#catalogue.nameOf(sku));
  }

  /** Reads the cart that this browser remembers, if any. */
  async load(retries = 2) {
    this.#cancelRetry();
    const id = currentCart();
    let document = null;
    try {
      if (id)
        document = (await get(`/api/carts/${id}?min_version=1`, { headers: { Prefer: "wait=2" } }))
          .body;
    } catch (error) {
      if (error instanceof Problem && error.status === 404 && retries > 0) {
        // A cart opened a moment ago in another tab may not be in the view yet.
        setTimeout(() => this.load(retries - 1), 300);
        return;
      }
      if (error instanceof Problem && error.status === 404 && id) {
        forgetCart(id);
      } else {
        this.#unreachable(error);
        this.#cancelRetry = whenBack(() => this.load());
        return;
      }
    }
    connectionBack();
    this.#document = document;
    this.#follow();
    this.ready = true;
    this.#notify();
    this.#outbox.open();
  }

  /**
   * @param {string} sku
   * @param {string} place
   * @param {number} [quantity]
   */
  add(sku, place, quantity = 1) {
    const max = this.#catalogue.maxOf(sku);
    const here = this.#quantity(sku);
    if (this.#overMax(sku, here + quantity, max, place, quantity)) return;
    this.#do(command("add", place, { sku, quantity }, BURST_MS));
  }

  /**
   * @param {string} sku
   * @param {number} quantity
   */
  setQuantity(sku, quantity) {
    const place = `line:${sku}`;
    if (this.#overMax(sku, quantity, this.#catalogue.maxOf(sku), place)) return;
    if (quantity < 1) this.#do(command("remove", place, { sku }));
    else this.#do(command("set", place, { sku, quantity }, BURST_MS));
  }

  /** @param {string} sku */
  remove(sku) {
    this.#do(command("remove", `line:${sku}`, { sku }));
  }

  clear() {
    this.#do(command("clear", "cart"));
  }

  /** @param {string} code */
  promote(code) {
    this.#do(command("promote", "promotion", { code }));
  }

  unpromote() {
    this.#do(command("unpromote", "promotion"));
  }

  undo() {
    this.#do(command("undo", "undo"));
  }

  checkout() {
    this.#do(command("checkout", "checkout", { expected_total: this.#document?.total }));
  }

  /**
   * The notice of a line or the promotion, by its sku or code.
   * @param {string} part
   */
  noticeOf(part) {
    return this.#notices.find(({ sku, code }) => sku === part || code === part);
  }

  /** Reads the notices. Without them the cart works: a checkout is refused for the same reasons. */
  async readNotices() {
    if (this.#document?.status !== "open") return;
    const { body } = await get(`/api/carts/${this.#document.id}/notices`).catch(() => ({
      body: { notices: [] },
    }));
    this.#notices = body.notices;
    this.#notify();
  }

  /** Leaves this cart, which keeps its items, for a new one with what was refused. */
  startOver() {
    if (!this.#outbox.idle) return;
    leaveCart();
    this.#document = null;
    for (const { kind, place, sku, quantity } of [...this.forNewCart.values()])
      if (kind === "add") this.#outbox.push(command(kind, place, { sku, quantity }));
    // The prices on this page may be those of the old currency.
    location.reload();
  }

  /** @param {string} sku */
  #quantity(sku) {
    return this.shown.lines.find((line) => line.sku === sku)?.quantity ?? 0;
  }

  /**
   * Stops the click of a burst that exceeds the limit, so that the clicks before it count. A line
   * that is full already asks the service, which decides.
   * @param {string} sku
   * @param {number} quantity
   * @param {number | undefined} max
   * @param {string} place
   * @param {number} [more] How many the shopper wants to add.
   */
  #overMax(sku, quantity, max, place, more) {
    const settled = this.#document?.lines.find((line) => line.sku === sku)?.quantity ?? 0;
    if (!max || quantity <= max || settled >= max) return false;
    this.refuse(place, limitReached(max), this.#isFull(sku, max, more));
    return true;
  }

  /** @param {Command} wanted */
  #do(wanted) {
    // Refusals of the previous cart do not apply to the one that this opens.
    if (this.#outbox.idle && opensCart(wanted, this.#document)) this.#refusals.clear();
    this.#refusals.delete(wanted.place);
    this.forNewCart.delete(wanted.place);
    this.#outbox.push(wanted);
  }

  /**
   * @param {Command} completed
   * @param {Api.Cart} body
   */
  #completed(completed, body) {
    connectionBack();
    this.#take(body);
    this.#notify(completed);
    if (this.#notices.length) this.readNotices();
    this.#catchUp();
  }

  /** @param {Api.Cart & { token?: string }} body */
  #take(body) {
    // The token is for programs; this page uses the cookie of the same response.
    const { token, ...document } = body;
    if (document.id !== this.#document?.id) {
      this.#document = document;
      this.#newest = document.version;
      rememberCart(document.id);
      this.#follow();
    } else if (document.version >= this.#document.version) {
      this.#document = document;
    }
  }

  /**
   * @param {Command} refused
   * @param {Error} error
   */
  async #refused(refused, error) {
    connectionBack();
    const problem = /** @type {Problem} */ (error);
    const gone = ["not-found", "cart-closed", "cart-expired"].includes(problem.slug);
    if (gone && refused.kind === "add") {
      const words =
        problem.slug === "cart-closed"
          ? "Your last cart was checked out"
          : "Your last cart is no longer available";
      if (problem.slug === "not-found" && this.#document) forgetCart(this.#document.id);
      else leaveCart();
      this.#document = null;
      this.#refusals.clear();
      this.#stopFollowing();
      this.#outbox.requeue(refused);
      toast(`${words}. We’ve started a new cart.`);
      this.#notify();
      return;
    }
    if (problem.slug === "currency-mismatch") this.forNewCart.set(refused.place, refused);
    if (problem.slug === "no-longer-offered") this.readNotices();
    if (gone) this.#outbox.drop((waiting) => waiting.kind !== "add");
    await this.#refresh();
    const max = this.#catalogue.maxOf(refused.sku);
    const isLimit = problem.slug === "quantity-limit" && refused.sku !== undefined && max;
    const { id } = this.#document ?? {};
    const isSameCart = () => this.#document?.id === id;
    const more = refused.kind === "add" ? refused.quantity : 1;
    let holds = isLimit
      ? this.#isFull(refused.sku ?? "", max, more)
      : this.forNewCart.has(refused.place)
        ? isSameCart
        : undefined;
    // No change of the cart puts a product on sale again.
    if (problem.slug === "unknown-sku") holds = () => true;
    this.refuse(refused.place, refusalWords(problem, max), holds);
  }

  /**
   * What was refused at a place, as long as its cause lasts.
   * @param {string} place
   */
  refusalAt(place) {
    return this.#refusals.at(place);
  }

  /** @param {string} place */
  dismiss(place) {
    if (this.#refusals.delete(place)) this.#notify();
  }

  /**
   * Shows at a place why something is refused.
   * @param {string} place
   * @param {string} words
   * @param {() => boolean} [holds] By default, until the cart changes.
   */
  refuse(place, words, holds) {
    const { id, version } = this.#document ?? {};
    const unchanged = () => this.#document?.id === id && this.#document?.version === version;
    this.#refusals.set(place, words, holds ?? unchanged);
    this.#notify();
  }

  /**
   * Whether the cart has no room for so many more of a product.
   * @param {string} sku
   * @param {number} max
   * @param {number} [more]
   */
  #isFull(sku, max, more = 1) {
    return () => this.#quantity(sku) + more > max;
  }

  /** @param {Error} error */
  #unreachable(error) {
    connectionLost(
      error instanceof Problem ? `${error.message} Changes are saved and will sync.` : AWAY,
      () => {
        this.#outbox.tryNow();
        retryNow();
      },
    );
    this.#notify();
  }

  /** Reads the cart again, at the newest known version or later. */
  async #refresh() {
    if (!this.#document) return;
    const { id } = this.#document;
    try {
      const least = Math.max(this.#newest, this.#document.version);
      const { body } = await get(`/api/carts/${id}?min_version=${least}`, {
        headers: { Prefer: "wait=3" },
      });
      if (id === this.#document?.id) this.#take(body);
    } catch (error) {
      if (error instanceof Problem && error.status === 404 && id) {
        forgetCart(id);
        this.#document = null;
      }
      // Other failures need no retry: the stream or the next command brings the cart.
    }
  }

  #follow() {
    this.#stopFollowing();
    this.#stopFollowing = () => {};
    if (!this.#document) return;
    const { id, version, status } = this.#document;
    this.#newest = version;
    if (status !== "open") return;
    this.#stopFollowing = follow(ofCart(id), version, {
      event: (event) => {
        this.#newest = event.version;
        this.#catchUp();
      },
      state: (state) => {
        showStream(state, this.#outbox.idle ? "You’re offline. This may be out of date." : AWAY);
        if (state.is === "live") this.#outbox.tryNow();
      },
      restart: () => this.load(),
    });
  }

  /** Loads changes from another tab or device, after own commands have completed. */
  async #catchUp() {
    if (this.#catchingUp) return;
    this.#catchingUp = true;
    // Events of one command arrive together: one read covers them all.
    await new Promise((resolve) => setTimeout(resolve, 40));
    while (this.#outbox.idle && this.#document && this.#newest > this.#document.version) {
      const before = this.#document.version;
      await this.#refresh();
      this.#notify();
      if (this.#document?.version === before)
        await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    this.#catchingUp = false;
  }

  /** @param {Command} [completed] */
  #notify(completed) {
    const { shown } = this;
    for (const place of this.#refusals.dropSettled()) this.forNewCart.delete(place);
    for (const listener of this.#listeners) listener(shown, completed);
  }
}
