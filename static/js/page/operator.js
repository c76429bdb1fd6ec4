/**
 * The pages that show what all shoppers do are the operator's. In demo mode everybody is; else the
 * operator's token is asked for once. The service keeps it as a cookie that no script can read.
 */

import { get, Problem, request } from "../service/request.js";
import { byId, element, setText } from "./element.js";

const PATH = "/api/operator";

/** Whether this browser may ask the operator's routes. If it was let in, the page offers to leave. */
export async function isAdmitted() {
  const { admitted, token_required } = (await get(PATH)).body;
  byId("operator-end").replaceChildren(...(admitted && token_required ? [signOutButton()] : []));
  return admitted;
}

/**
 * Calls `then` once this browser is the operator's, at once or after the token was entered into a
 * form in `place`. `purpose` says what the token is for. Throws what `get` throws.
 */
export async function asOperator(place, purpose, then) {
  const admitted = await isAdmitted();
  place.replaceChildren(...(admitted ? [] : [signInForm(purpose, () => asOperator(place, purpose, then))]));
  place.hidden = admitted;
  if (admitted) then();
}

/** Whether the service no longer takes this browser for the operator's. */
export const isSignedOut = (error) => error instanceof Problem && error.slug === "operator-only";

function signInForm(purpose, then) {
  const refusal = element("p", { class: "refusal", role: "alert", id: "token-refusal", testid: "operator-refusal" });
  const field = element("input", { class: "field", id: "token", type: "password", name: "token", autocomplete: "current-password", required: true, "aria-describedby": "token-refusal", testid: "operator-token" });
  const enter = async (event) => {
    event.preventDefault();
    setText(refusal, "");
    try {
      await request("POST", PATH, { body: { token: field.value } });
      then();
    } catch (error) {
      setText(refusal, isSignedOut(error) ? "That is not this service’s operator token." : error.message);
      field.select();
    }
  };
  return element(
    "form",
    { class: "card sign-in", testid: "operator-form", on: { submit: enter } },
    element("h2", {}, "For the operator"),
    element("p", { class: "soft" }, `${purpose} Enter the token that the service was started with.`),
    element("label", { for: "token" }, "Operator token"),
    element("div", { class: "sign-in-row" }, field, element("button", { class: "button primary" }, "Enter")),
    refusal,
  );
}

function signOutButton() {
  const leave = async () => {
    await request("DELETE", PATH);
    location.reload();
  };
  return element("button", { class: "link-button", type: "button", testid: "operator-leave", on: { click: leave } }, "Leave as operator");
}
