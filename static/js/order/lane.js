/**
 * The events that led to an order, each in the lane of who acted: the cart, the order, or the
 * warehouse. A line leads to each from the event that it reacts to.
 */

import { byId, element } from "../page/element.js";
import { between, fullTime } from "../page/format.js";

/** @typedef {"cart" | "order" | "warehouse"} LaneName */

/** @type {LaneName[]} */
const LANES = ["cart", "order", "warehouse"];
/** @type {Record<LaneName, string>} */
const NAMES = { cart: "Cart", order: "Order", warehouse: "Warehouse" };

/** @param {Api.Event} event @returns {LaneName} */
const laneOf = ({ order_id, meta }) =>
  !order_id ? "cart" : meta.actor === "warehouse" ? "warehouse" : "order";

/** @param {Api.Event} event */
const streamOf = ({ cart_id, order_id }) => order_id ?? cart_id;

/**
 * Shows `events`, oldest first. What is shown already stays: it may have the focus, or be open.
 * @param {Api.Event[]} events
 */
export function showLane(events) {
  const list = byId("lane-events");
  for (let index = list.childElementCount; index < events.length; index += 1) {
    const cause = events.findIndex((it) => isCause(it, events[index]));
    const side = cause < 0 ? undefined : sideOf(events[cause], events[index]);
    const between = events.slice(cause + 1, index);
    // A line past the events between them must not cross one of these.
    const sides = between.map((it) => sideOf(events[cause], it));
    const isFree = side !== undefined && sides.every((it) => it === "left" || it === "right");
    if (isFree)
      for (const [at, through] of sides.entries())
        list.children[cause + 1 + at].append(
          element("span", {
            class: "lane-through",
            "aria-hidden": "true",
            data: { side: through },
          }),
        );
    const isNear = isFree && !between.length;
    list.append(
      item(events[index], events[cause], {
        ...(isFree ? { cause: side } : {}),
        ...(isNear ? { near: "" } : {}),
      }),
    );
  }
  byId("lane").hidden = !events.length;
}

/**
 * @param {Api.Event} event
 * @param {Api.Event} of
 */
const isCause = (event, { meta: { caused_by } }) =>
  streamOf(event) === caused_by?.stream && event.version === caused_by.version;

/**
 * @param {Api.Event} event
 * @param {Api.Event | undefined} cause
 * @param {Record<string, string | undefined>} lines
 */
function item(event, cause, lines) {
  const { version, sentence, recorded_at, order_id, cart_id } = event;
  const lane = laneOf(event);
  const later = cause
    ? ` · ${between(cause.recorded_at, recorded_at).replace(" ", "\u00a0")} later`
    : "";
  return element(
    "li",
    {
      class: "card lane-event",
      id: order_id ? `event-${version}` : undefined,
      testid: `lane-${order_id ? "order" : "cart"}-${version}`,
      data: { lane, ...lines },
    },
    element("span", { class: "lane-name soft small" }, NAMES[lane]),
    element(
      "a",
      {
        class: "lane-sentence",
        href: order_id ? `#event-${version}` : `/history/${cart_id}?v=${version}`,
      },
      sentence,
    ),
    element(
      "span",
      { class: "soft small" },
      element("time", { dateTime: recorded_at }, fullTime(recorded_at)),
      later,
    ),
    cause
      ? element("span", { class: "lane-cause soft small" }, `Caused by: ${cause.sentence}`)
      : null,
    raw(event),
  );
}

/**
 * Where `cause` is, seen from the lane of another event; `undefined` for more than one lane away.
 * @param {Api.Event} cause
 * @param {Api.Event} from
 */
function sideOf(cause, from) {
  const distance = LANES.indexOf(laneOf(cause)) - LANES.indexOf(laneOf(from));
  /** @type {Record<number, string>} */
  const sides = { "-1": "left", 0: "above", 1: "right" };
  return /** @type {string | undefined} */ (sides[distance]);
}

/** @param {Api.Event} event */
const raw = (event) =>
  element(
    "details",
    { class: "lane-raw" },
    element("summary", { "aria-label": `Raw event: ${event.sentence}` }, "Raw event"),
    element(
      "pre",
      { tabIndex: 0, role: "region", "aria-label": `JSON of: ${event.sentence}` },
      JSON.stringify(event, null, 2),
    ),
  );
