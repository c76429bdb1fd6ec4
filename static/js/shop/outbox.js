/**
 * Commands on their way to the service: one after another, in the shopper's order, each under
 * its own idempotency key until it is answered. What was not answered is kept for this tab, so
 * that a reload in the middle loses nothing: repeating a key never does a thing twice.
 */

import { Problem, request, Unreachable } from "../service/request.js";
import { merged } from "./commands.js";

const KEPT = "cartlog.outbox";
const LONGEST_PAUSE_MS = 8_000;
const ATTEMPTS_AT_A_FAULT = 3;

/** A queue that asks `owner` what to send and tells it how that went. */
export class Outbox {
  #owner;
  #timer;
  #busy = false;
  #open = false;
  #failures = 0;
  queue = kept();

  /**
   * `owner` has `requestOf(command)`, `changed()`, `answered(command, body)`,
   * `refused(command, problem)` and `unreachable(words)`.
   */
  constructor(owner) {
    this.#owner = owner;
    // Leaving the page must not drop what still waits for its burst to end.
    addEventListener("pagehide", () => this.#sendBeforeLeaving());
    addEventListener("online", () => this.tryNow());
  }

  /** Starts sending: the cart that the commands stand on is known now. */
  open() {
    this.#open = true;
    this.#schedule();
  }

  push(command) {
    const together = merged(this.queue.at(-1), command);
    if (together) this.queue[this.queue.length - 1] = together;
    else this.queue.push(command);
    this.#storeItem();
    this.#owner.changed();
    this.#schedule();
  }

  tryNow() {
    this.#failures = 0;
    this.#schedule();
  }

  get idle() {
    return this.queue.length === 0;
  }

  #schedule(pause = 0) {
    clearTimeout(this.#timer);
    if (this.#busy || !this.#open || !this.queue.length) return;
    // A later command of another kind ends the burst: nothing can be merged into the first any more.
    const burst = this.queue.length > 1 ? 0 : this.queue[0].ready_at - Date.now();
    this.#timer = setTimeout(() => this.#send(), Math.max(pause, burst, 0));
  }

  async #send() {
    if (this.#busy || !this.queue.length) return;
    const command = this.queue[0];
    let pause = 0;
    this.#busy = true;
    try {
      command.request ??= this.#owner.requestOf(command);
      this.#storeItem();
      const { method, path, body, headers } = command.request;
      const answer = await request(method, path, { body, headers });
      this.#failures = 0;
      this.#done(command);
      this.#owner.answered(command, answer.body);
    } catch (error) {
      this.#failures += 1;
      if (error instanceof Unreachable || (error instanceof Problem && error.passes)) {
        pause = this.#pause(error);
        this.#owner.unreachable(error);
      } else if (error instanceof Problem && error.status >= 500 && this.#failures < ATTEMPTS_AT_A_FAULT) {
        pause = this.#pause(error);
      } else {
        this.#failures = 0;
        this.#done(command);
        await this.#owner.refused(command, error);
      }
    } finally {
      this.#busy = false;
      this.#schedule(pause);
    }
  }

  /** Puts a command that found its cart closed back in front, to be sent anew under a new key. */
  again(command) {
    this.queue.unshift({ ...command, key: crypto.randomUUID(), request: undefined });
    // What was frozen for the cart that is gone has to be written anew as well.
    for (const later of this.queue) if (later.request) Object.assign(later, { key: crypto.randomUUID(), request: undefined });
    this.#storeItem();
  }

  /** Drops what waits for a cart that nobody can change any more. */
  drop(isDropped) {
    this.queue = this.queue.filter((command) => !isDropped(command));
    this.#storeItem();
  }

  #done(command) {
    this.queue = this.queue.filter((other) => other !== command);
    this.#storeItem();
  }

  #pause(error) {
    const asked = (error.retryAfter ?? 0) * 1000;
    return Math.max(asked, Math.min(500 * 2 ** this.#failures, LONGEST_PAUSE_MS));
  }

  #storeItem() {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(this.queue));
    } catch {
      // Then a reload in the middle of a command loses it; the page itself does not.
    }
  }

  #sendBeforeLeaving() {
    const command = this.queue[0];
    if (!this.#open || this.#busy || !command) return;
    command.request ??= this.#owner.requestOf(command);
    this.#storeItem();
    const { method, path, body, headers } = command.request;
    // The next page asks again under the same key and learns how this went.
    request(method, path, { body, headers, keepalive: true }).catch(() => {});
  }
}

function kept() {
  try {
    const queue = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
    return Array.isArray(queue) ? queue : [];
  } catch {
    return [];
  }
}
