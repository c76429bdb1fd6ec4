/** The requests that failed lately. */

import { byId, element, setText } from "../page/element.js";
import { fullTime } from "../page/format.js";
import { get } from "../service/request.js";

const NONE =
  "None. Requests that are answered with 5xx are listed here, with their trace ids and causes.";
const SOME =
  "Requests that this node answered with 5xx, newest first. " +
  "The client got the trace id, and not the cause.";

/** Shows the list. The caller shows a failure to load it. */
export async function loadFailures() {
  /** @type {{ body: Api.FailedRequests }} */
  const { body } = await get("/api/failures");
  setText(byId("failures-words"), body.items.length ? SOME : NONE);
  byId("failures-frame").hidden = !body.items.length;
  byId("failures-rows").replaceChildren(
    ...body.items.map(({ at, method, path, status, trace_id, cause }) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, fullTime(at)),
        element("td", {}, `${method} ${path}`),
        element("td", { class: "number-cell" }, String(status)),
        element("td", {}, element("code", {}, trace_id)),
        element("td", {}, cause ?? "–"),
      ),
    ),
  );
}
