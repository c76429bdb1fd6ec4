/** Sharing the cart: a link to it as it is now, which shows it and cannot change it. */

import { byId, setText } from "../page/element.js";
import { announce } from "../page/notices.js";
import { request } from "../service/request.js";

/** @import { ShownCart } from "./commands.js" */

/** The button in the drawer. The link is shown, too, because a browser may refuse the clipboard. */
export class ShareButton {
  /** @type {ShownCart | null} */
  #shown = null;

  constructor() {
    byId("share").addEventListener("click", () => this.#share());
    byId("share-link").addEventListener("focus", () => byId("share-link").select());
  }

  /** @param {ShownCart} shown */
  show(shown) {
    // The link shows the version that it was made for.
    if (shown.version !== this.#shown?.version || shown.id !== this.#shown?.id) {
      byId("share-out").hidden = true;
      setText(byId("share-refusal"), "");
    }
    this.#shown = shown;
    byId("share").hidden = !shown.id || !shown.lines.length || !shown.settled;
  }

  async #share() {
    const { id, version } = this.#shown ?? {};
    setText(byId("share-refusal"), "");
    try {
      const { body } = await request("POST", `/api/carts/${id}/shares`, { body: { version } });
      byId("share-link").value = new URL(body.page, location.href).href;
      byId("share-out").hidden = false;
      await copy(byId("share-link").value);
    } catch (error) {
      setText(byId("share-refusal"), error.message);
    }
  }
}

/** @param {string} link */
async function copy(link) {
  try {
    await navigator.clipboard.writeText(link);
    // Said beside the link: a toast would cover the lines.
    setText(byId("share-title"), "Link copied");
    announce("Link copied");
  } catch {
    setText(byId("share-title"), "Link to share");
    // Without TLS there is no clipboard: the link is ready to be copied by hand.
    byId("share-link").focus();
  }
}
