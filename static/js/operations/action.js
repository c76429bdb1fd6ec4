/** A button of the operations page that sends one request and says what came of it. */

import { byId, disable, onPress, setText } from "../page/element.js";
import { isSignedOut } from "../page/operator.js";
import { isTemporary, request } from "../service/request.js";

const KEY = "Idempotency-Key";

/**
 * Makes the button `<name>-start` work. `<name>-words` gets what `describe` says of the response,
 * `<name>-refusal` why there is none.
 * @param {string} name
 * @param {string} path
 * @param {(body: any) => (string | Node)[]} describe
 * @param {(error: any) => void} onSignedOut
 * @param {unknown} [sent] The body of the request, which must happen once: after a lost answer,
 *   the next press repeats it under the same key.
 */
export function actionButton(name, path, describe, onSignedOut, sent) {
  /** @type {Record<string, string>} */
  let headers = {};
  onPress(`${name}-start`, async () => {
    setText(byId(`${name}-refusal`), "");
    byId(`${name}-words`).replaceChildren();
    disable(`${name}-start`, true);
    try {
      if (sent && !headers[KEY]) headers = { [KEY]: crypto.randomUUID?.() ?? String(Date.now()) };
      const { body } = await request("POST", path, { body: sent, headers });
      headers = {};
      byId(`${name}-words`).replaceChildren(...describe(body));
    } catch (error) {
      if (!isTemporary(error)) headers = {};
      if (isSignedOut(error)) onSignedOut(error);
      else setText(byId(`${name}-refusal`), error.message);
    } finally {
      disable(`${name}-start`, false);
    }
  });
}
