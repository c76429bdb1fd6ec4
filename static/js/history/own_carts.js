/** The carts of this browser, as cards that link to their histories. */

import { byId, element } from "../page/element.js";
import { STATUS } from "../page/event_types.js";
import { fullTime, money } from "../page/format.js";
import { forgetCart, ownCarts } from "../service/own_carts.js";
import { get, isTemporary, Problem } from "../service/request.js";
import { whenBack } from "../service/retry.js";

/** How many are shown at first, and at the most. */
const FIRST = 3;
const SHOWN = 24;

export function showOwnCarts() {
  const ids = ownCarts().slice(0, SHOWN);
  const more = byId("own-more");
  byId("own").hidden = false;
  byId("own-list").replaceChildren(...ids.slice(0, FIRST).map(card));
  more.hidden = ids.length <= FIRST;
  more.textContent = `Show ${ids.length - FIRST} more`;
  more.onclick = () => {
    more.hidden = true;
    const others = ids.slice(FIRST).map(card);
    byId("own-list").append(...others);
    const [first] = others;
    if (!first) return;
    first.tabIndex = -1;
    first.focus();
  };
  if (!ids.length) showEmpty();
}

const showEmpty = () => (byId("no-carts").hidden = false);

/** @param {string} id */
function card(id) {
  const root = element(
    "li",
    { class: "card own-card", "aria-busy": "true", testid: `own-${id}` },
    element("div", { class: "skeleton own-wait" }),
  );
  fill(root, id);
  return root;
}

/**
 * @param {HTMLElement} root
 * @param {string} id
 */
async function fill(root, id) {
  try {
    const { body } = await get(`/api/carts/${id}`);
    root.replaceChildren(...content(body));
  } catch (error) {
    if (error instanceof Problem && error.status === 404) {
      // The service no longer has it.
      forgetCart(id);
      root.remove();
      if (!byId("own-list").childElementCount) showEmpty();
      return;
    }
    const cancelRetry = isTemporary(error) ? whenBack(() => fill(root, id)) : () => {};
    const again = () => {
      cancelRetry();
      fill(root, id);
    };
    root.replaceChildren(
      element("p", { class: "refusal" }, error.message),
      element(
        "button",
        { class: "button small", type: "button", on: { click: again } },
        "Try again",
      ),
    );
  } finally {
    root.removeAttribute("aria-busy");
  }
}

/** @param {Api.Cart} cart */
function content(cart) {
  const names = cart.lines.slice(0, 3).map((line) => `${line.quantity} × ${line.name}`);
  if (cart.lines.length > 3) names.push(`${cart.lines.length - 3} more`);
  const events = cart.version === 1 ? "1 event" : `${cart.version.toLocaleString("en")} events`;
  return [
    element(
      "div",
      { class: "own-head" },
      element("span", { class: "status", data: { status: cart.status } }, STATUS[cart.status]),
      element("span", { class: "own-total" }, money(cart.total, cart.currency)),
    ),
    element("a", { class: "own-link", href: `/history/${cart.id}` }, names.join(", ") || "Empty"),
    element("p", { class: "soft small" }, `${events}, last ${fullTime(cart.changed_at)}`),
  ];
}
