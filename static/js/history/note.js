/** What stands in place of a history that cannot be shown. */

import { byId, setText } from "../page/element.js";
import { isTemporary } from "../service/request.js";
import { whenBack } from "../service/retry.js";

/**
 * Shows why there is nothing to see. Where that may help, `again` is called once the service is
 * back, or when its button is pressed.
 * @param {string} title
 * @param {Error} error
 * @param {() => void} [again]
 */
export function showNote(title, error, again) {
  byId("note").hidden = false;
  setText(byId("note-title"), title);
  setText(byId("note-words"), error.message);
  byId("note-again").hidden = !again;
  if (!again) return;
  const retry = () => {
    cancelRetry();
    byId("note").hidden = true;
    again();
  };
  const cancelRetry = isTemporary(error) ? whenBack(retry) : () => {};
  byId("note-again").onclick = retry;
}
