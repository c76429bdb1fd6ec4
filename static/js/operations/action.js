/** A button of the operations page that sends one request and says what came of it. */

import { byId, disable, onPress, setText } from "../page/element.js";
import { isSignedOut } from "../page/operator.js";
import { request } from "../service/request.js";

/**
 * Makes the button `<name>-start` work. `<name>-words` gets what `describe` says of the response,
 * `<name>-refusal` why there is none.
 * @param {string} name
 * @param {string} path
 * @param {(body: any) => (string | Node)[]} describe
 * @param {(error: any) => void} onSignedOut
 * @param {unknown} [sent] The body of the request.
 */
export function actionButton(name, path, describe, onSignedOut, sent) {
  onPress(`${name}-start`, async () => {
    setText(byId(`${name}-refusal`), "");
    byId(`${name}-words`).replaceChildren();
    disable(`${name}-start`, true);
    try {
      const { body } = await request("POST", path, { body: sent });
      byId(`${name}-words`).replaceChildren(...describe(body));
    } catch (error) {
      if (isSignedOut(error)) onSignedOut(error);
      else setText(byId(`${name}-refusal`), error.message);
    } finally {
      disable(`${name}-start`, false);
    }
  });
}
