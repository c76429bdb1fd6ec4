/** Proves that the check sees through the documents: a wrong member name has to be an error. */

/** @param {Api.Cart} cart */
export const ofWrongName = (cart) =>
  // @ts-expect-error: a cart has no such member.
  cart.totl;

/** @param {Api.Event} event */
export const ofWrongNameWithin = (event) =>
  // @ts-expect-error: an event's metadata has no such member.
  event.meta.comand;
