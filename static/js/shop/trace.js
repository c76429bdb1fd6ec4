/** What becomes of each command that is sent, for the modules that show it. */

/** @import { Command, CommandRequest } from "./commands.js" */

/**
 * One attempt to execute a command. Times are those of `performance.now()`.
 * @typedef {object} Attempt
 * @property {Command} command
 * @property {CommandRequest} request
 * @property {number} sent
 * @property {number} [answered]
 * @property {{ status: number, body: Api.Cart, headers: Headers }} [response]
 * @property {Error} [error]
 */

/** @type {Set<(attempt: Attempt) => void>} */
const observers = new Set();

/**
 * Calls `observer` when an attempt begins and when it has ended. Returns a function that stops it.
 * @param {(attempt: Attempt) => void} observer
 */
export function observeAttempts(observer) {
  observers.add(observer);
  return () => observers.delete(observer);
}

/**
 * Begins an attempt. Returns the function that ends it.
 * @param {Command} command
 * @param {CommandRequest} request
 */
export function beginAttempt(command, request) {
  /** @type {Attempt} */
  const attempt = { command, request, sent: performance.now() };
  for (const observer of observers) observer(attempt);
  return (/** @type {Pick<Attempt, "response" | "error">} */ outcome) => {
    Object.assign(attempt, outcome, { answered: performance.now() });
    for (const observer of observers) observer(attempt);
  };
}
