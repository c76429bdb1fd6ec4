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
 * Calls `then` once this browser is the operator's, at once or after the token was entered into the
 * page's form. `purpose` says what the token is for. Throws what `get` throws.
 */
export async function asOperator(purpose, then) {
  const admitted = await isAdmitted();
  const form = byId("sign-in");
  form.hidden = admitted;
  if (admitted) {
    then();
    return;
  }
  setText(byId("purpose"), purpose);
  form.onsubmit = (event) => {
    event.preventDefault();
    signIn(() => asOperator(purpose, then));
  };
}

async function signIn(then) {
  const field = byId("token");
  setText(byId("token-refusal"), "");
  try {
    await request("POST", PATH, { body: { token: field.value } });
    field.value = "";
    then();
  } catch (error) {
    setText(byId("token-refusal"), isSignedOut(error) ? "Wrong token." : error.message);
    field.select();
  }
}

/** Whether the service no longer takes this browser for the operator's. */
export const isSignedOut = (error) => error instanceof Problem && error.slug === "operator-only";

function signOutButton() {
  const leave = async () => {
    await request("DELETE", PATH);
    location.reload();
  };
  return element("button", { class: "link-button", type: "button", testid: "operator-leave", on: { click: leave } }, "Sign out");
}
