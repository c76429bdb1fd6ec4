/** The types that the parts of a cart's history share. */

/**
 * @import { EventList } from "./event_list.js"
 * @import { Fold, State } from "./fold.js"
 * @import { Reason } from "./reasons.js"
 * @import { Supposition } from "./supposition.js"
 */

/**
 * What every part renders: the cart at the scrubber's version, what it is compared with, and the
 * number that is explained.
 * @typedef {object} Moment
 * @property {EventList} eventList
 * @property {number} version
 * @property {number} head
 * @property {Api.Event} event
 * @property {Fold} fold The fold shown: the hypothetical one in a what-if.
 * @property {State} actual
 * @property {State} state
 * @property {State} base
 * @property {"before" | "pin" | "actual"} compared
 * @property {number | null} pin
 * @property {string | null} why
 * @property {number[]} without
 * @property {Supposition} supposed
 * @property {boolean} hypothetical Whether the fold shown is another than the actual one.
 * @property {string} variant Differs between folds of the same history; empty for the actual one.
 * @property {Reason | null} reason
 *
 * @typedef {{ show(moment: Moment): void }} Part
 */

export {};
