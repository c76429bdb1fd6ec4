/** Finds a cart, an order or an event by a part of its id. */

import { byId, element, setText } from "../page/element.js";
import { announce } from "../page/notices.js";
import { count } from "../page/format.js";
import { get, Problem } from "../service/request.js";

/**
 * Makes the form work. Other errors than a refusal are passed to `fail`.
 * @param {(error: Error) => void} fail
 */
export function offerSearch(fail) {
  const form = /** @type {HTMLFormElement} */ (byId("find"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = String(new FormData(form).get("q"));
    try {
      /** @type {{ body: Api.SearchResults }} */
      const { body } = await get(`/api/search?q=${encodeURIComponent(text)}`);
      show(body.items);
    } catch (error) {
      byId("found").hidden = true;
      if (error instanceof Problem && error.status === 400) {
        setText(byId("find-refusal"), error.message);
        return;
      }
      fail(/** @type {Error} */ (error));
    }
  });
}

/** @param {Api.SearchResults["items"]} items */
function show(items) {
  setText(byId("find-refusal"), items.length ? "" : "Nothing has that number.");
  byId("found").hidden = !items.length;
  byId("found").replaceChildren(...items.map((item) => element("li", {}, link(item))));
  if (items.length) announce(`${count(items.length, "result")} found`);
}

/** @param {Api.SearchResults["items"][number]} item */
function link(item) {
  if (item.kind === "cart") return element("a", { href: `/history/${item.id}` }, `Cart ${item.id}`);
  if (item.kind === "order")
    return element("a", { href: `/history?order_id=${item.id}` }, `Order ${item.id}`);
  const { position, type, stream, version } = item;
  const href =
    stream.model === "cart"
      ? `/history/${stream.id}?v=${version}`
      : `/history?order_id=${stream.id}`;
  const place = `${stream.model} ${stream.id}, version ${version.toLocaleString("en")}`;
  return element("a", { href }, `Event ${position.toLocaleString("en")}: ${type} (${place})`);
}
