/**
 * Operator sign-in. Pages about all shoppers are for the operator: in demo mode that is everyone,
 * else the operator's token is requested once. The service keeps it in a cookie that no script can
 * read.
 */

import { get, Problem, request, Unreachable } from "../service/request.js";
import { byId, element, setText } from "./element.js";

const PATH = "/api/operator";

/** What this browser may do at the operator's endpoints; shows "Sign out" if it has signed in. */
async function readSession() {
  /** @type {{ body: Api.Session }} */
  const { body } = await get(PATH);
  byId("operator-end").replaceChildren(
    ...(body.admitted && body.token_required ? [signOutButton()] : []),
  );
  return body;
}

/** Whether this browser may use the operator's endpoints; shows "Sign out" if it has signed in. */
export const isAdmitted = async () => (await readSession()).admitted;

/**
 * Calls `then` once this browser is signed in, immediately or after the form was submitted.
 * `purpose` says what the token is for. Throws what `get` throws.
 * @param {string} purpose
 * @param {(session: Api.Session) => void} then
 */
export async function asOperator(purpose, then) {
  const session = await readSession();
  const form = byId("sign-in");
  form.hidden = session.admitted;
  if (session.admitted) {
    then(session);
    return;
  }
  setText(byId("purpose"), purpose);
  form.onsubmit = (event) => {
    event.preventDefault();
    signIn(() => asOperator(purpose, then));
  };
}

/** @param {() => void} then */
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

/**
 * Whether the request failed because this browser is not signed in.
 * @param {Error} error
 */
export const isSignedOut = (error) => error instanceof Problem && error.slug === "operator-only";

/**
 * Whether the page itself shows this failure: the loss of the connection or of the session.
 * @param {Error} error
 */
export const isShownByPage = (error) => error instanceof Unreachable || isSignedOut(error);

function signOutButton() {
  const leave = async () => {
    await request("DELETE", PATH);
    location.reload();
  };
  return element(
    "button",
    { class: "link-button", type: "button", testid: "operator-leave", on: { click: leave } },
    "Sign out",
  );
}
