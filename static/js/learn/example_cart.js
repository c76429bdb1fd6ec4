/** A cart whose history is worth reading: real commands, which the service decides and records. */

import { keepCart } from "../service/own_carts.js";
import { request } from "../service/request.js";

/**
 * Opens a cart, changes its mind a few times, and returns the cart's id. The cart in the shop stays
 * as it is. Throws what the service refuses; what was done until then remains.
 * @param {(id: string) => void} opened Gets the id as soon as the cart exists.
 */
export async function openExampleCart(opened) {
  /** @type {{ body: Api.ProductPage }} */
  const { body } = await request("GET", "/api/products?limit=2");
  const [first, second] = body.items;
  if (!first) throw new Error("The shop has no products.");
  const cart = (
    await request("POST", "/api/carts", { body: { items: [{ sku: first.sku, quantity: 1 }] } })
  ).body;
  keepCart(cart.id);
  opened(cart.id);
  /** @param {string} method @param {Api.Product} product @param {number} [quantity] */
  const change = (method, { sku }, quantity) =>
    request(method, `/api/carts/${cart.id}/items/${encodeURIComponent(sku)}`, {
      body: quantity && { quantity },
    });
  await change("PUT", first, 2);
  if (second) await change("PUT", second, 1);
  await change("PUT", first, 1);
  if (second) await change("DELETE", second);
}
