/**
 * The queue of pending commands: sent one at a time, in order, each retried under its own
 * idempotency key until the service responds. The queue is stored for this tab, so that a reload
 * loses nothing: a repeated key is never executed twice.
 */

import { Problem, request, Unreachable } from "../service/request.js";
import { merged } from "./commands.js";
import { beginAttempt } from "./trace.js";

/** @import { Command, CommandRequest } from "./commands.js" */

/**
 * @typedef {object} Owner
 * @property {(command: Command) => CommandRequest} requestOf
 * @property {() => void} changed
 * @property {(command: Command, body: Api.Cart) => void} completed
 * @property {(command: Command, error: Error) => Promise<void>} refused
 * @property {(error: Unreachable | Problem) => void} unreachable
 */

const STORED = "cartlog.outbox";
const LONGEST_PAUSE_MS = 8_000;
const ATTEMPTS_AT_A_FAULT = 3;

/** A queue that gets its requests from `owner` and reports each outcome to it. */
export class Outbox {
  #owner;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #busy = false;
  #open = false;
  #failures = 0;
  /** @type {Command[]} */
  queue = stored();

  /** @param {Owner} owner */
  constructor(owner) {
    this.#owner = owner;
    // A command that still waits to be merged must not be lost with the page.
    addEventListener("pagehide", () => this.#sendBeforeLeaving());
    addEventListener("online", () => this.tryNow());
  }

  /** Starts sending, once the cart is known. */
  open() {
    this.#open = true;
    this.#schedule();
  }

  /** @param {Command} command */
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
    // With a second command in the queue nothing can be merged into the first.
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
      const end = beginAttempt(command, command.request);
      const response = await request(method, path, { body, headers }).catch((error) => {
        end({ error });
        throw error;
      });
      end({ response });
      this.#failures = 0;
      this.#done(command);
      this.#owner.completed(command, response.body);
    } catch (error) {
      this.#failures += 1;
      if (error instanceof Unreachable || (error instanceof Problem && error.isTransient)) {
        pause = this.#pause(error);
        this.#owner.unreachable(error);
      } else if (
        error instanceof Problem &&
        error.status >= 500 &&
        this.#failures < ATTEMPTS_AT_A_FAULT
      ) {
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

  /**
   * Requeues a command whose cart was closed, under a new key.
   * @param {Command} command
   */
  requeue(command) {
    this.queue.unshift({ ...command, key: crypto.randomUUID(), request: undefined });
    // Requests frozen for the old cart have to be built again as well.
    for (const later of this.queue)
      if (later.request) Object.assign(later, { key: crypto.randomUUID(), request: undefined });
    this.#storeItem();
  }

  /**
   * Drops commands for a cart that can no longer change.
   * @param {(command: Command) => boolean} isDropped
   */
  drop(isDropped) {
    this.queue = this.queue.filter((command) => !isDropped(command));
    this.#storeItem();
  }

  /** @param {Command} command */
  #done(command) {
    this.queue = this.queue.filter((other) => other !== command);
    this.#storeItem();
  }

  /** @param {Problem | Unreachable | { retryAfter?: number }} error */
  #pause(error) {
    const retryAfter = (("retryAfter" in error && error.retryAfter) || 0) * 1000;
    return Math.max(retryAfter, Math.min(500 * 2 ** this.#failures, LONGEST_PAUSE_MS));
  }

  #storeItem() {
    try {
      sessionStorage.setItem(STORED, JSON.stringify(this.queue));
    } catch {
      // Without storage, a reload loses pending commands.
    }
  }

  #sendBeforeLeaving() {
    const command = this.queue[0];
    if (!this.#open || this.#busy || !command) return;
    command.request ??= this.#owner.requestOf(command);
    this.#storeItem();
    const { method, path, body, headers } = command.request;
    // The next page repeats the request under the same key and gets its outcome.
    request(method, path, { body, headers, keepalive: true }).catch(() => {});
  }
}

function stored() {
  try {
    const queue = JSON.parse(sessionStorage.getItem(STORED) ?? "[]");
    return Array.isArray(queue) ? queue : [];
  } catch {
    return [];
  }
}
