/** Finds carts, orders and events by a part of their id or by a text. */

import { byId, element, setText } from "../page/element.js";
import { announce } from "../page/notices.js";
import { count, fullTime } from "../page/format.js";
import { TYPES } from "../page/event_types.js";
import { get, Problem } from "../service/request.js";

/** @typedef {Api.SearchResults["items"][number]} Found */
/** @typedef {Api.SearchResults["matches"][number]} Match */

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
      show(body);
    } catch (error) {
      for (const name of ["found", "found-events", "found-words"]) byId(name).hidden = true;
      if (error instanceof Problem && error.status === 400) {
        setText(byId("find-refusal"), error.message);
        return;
      }
      fail(/** @type {Error} */ (error));
    }
  });
}

/** @param {Api.SearchResults} results */
function show({ items, matches, complete }) {
  const isEmpty = !items.length && !matches.length;
  setText(byId("find-refusal"), isEmpty ? "Nothing found." : "");
  list("found", items.map(result));
  list(
    "found-events",
    matches.map((match) => element("a", { href: eventsOf(match) }, `All events: ${name(match)}`)),
  );
  byId("found-words").hidden = complete;
  setText(
    byId("found-words"),
    matches.length
      ? "The newest are listed. There are more: follow “All events”, or search for something rarer."
      : "There may be more: search for something rarer, or for more digits.",
  );
  if (!isEmpty) announce(`${count(items.length, "result")} found`);
}

/** @param {string} type */
const typeName = (type) => TYPES[type] ?? type;

/** @param {string} id @param {(string | Node)[]} entries */
function list(id, entries) {
  byId(id).hidden = !entries.length;
  byId(id).replaceChildren(...entries.map((entry) => element("li", {}, entry)));
}

/** @param {Match} match */
function eventsOf(match) {
  if (match.kind === "product") return `/history?sku=${encodeURIComponent(match.sku)}`;
  if (match.kind === "promotion") return `/history?promotion=${encodeURIComponent(match.code)}`;
  if (match.kind === "event_type") return `/history?type=${match.type}`;
  return "/history?type=OrderRefused";
}

/** @param {Match} match */
function name(match) {
  if (match.kind === "product") return `${match.name} (${match.sku})`;
  if (match.kind === "promotion") return `${match.code} (${match.name})`;
  if (match.kind === "event_type") return typeName(match.type);
  return `“${match.text}”`;
}

/** @param {Found} found */
function result(found) {
  if (found.kind === "event") return event(found);
  const { id, last_match: last } = found;
  const order = found.kind === "cart" ? found.order_id : null;
  const version = last && found.kind === "cart" ? `?v=${last.version}` : "";
  const link =
    found.kind === "cart"
      ? element("a", { href: `/history/${id}${version}` }, `Cart ${id}`)
      : element("a", { href: `/history?order_id=${id}` }, `Order ${id}`);
  return element(
    "span",
    {},
    link,
    order ? " " : "",
    order ? element("a", { href: `/history?order_id=${order}` }, `Order …${order.slice(-8)}`) : "",
    last ? element("span", { class: "soft small" }, ` ${describe(last)}`) : "",
  );
}

/** @param {NonNullable<Extract<Found, { kind: "cart" }>["last_match"]>} last */
function describe({ matched, type, recorded_at }) {
  const what = matched.kind === "event_type" ? "" : `: ${name(matched)}`;
  return `${typeName(type)}${what}, ${fullTime(recorded_at)}`;
}

/** @param {Extract<Found, { kind: "event" }>} found */
function event({ position, type, stream, version }) {
  const href =
    stream.model === "cart"
      ? `/history/${stream.id}?v=${version}`
      : `/history?order_id=${stream.id}`;
  const place = `${stream.model} ${stream.id}, version ${version.toLocaleString("en")}`;
  return element("a", { href }, `Event ${position.toLocaleString("en")}: ${type} (${place})`);
}
