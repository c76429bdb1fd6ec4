/** The form of a request: a field for each parameter, prefilled so that it can be sent as it is. */

import { element } from "../page/element.js";
import { current } from "./session.js";

/**
 * @typedef {{ name: string, in: string, required: boolean, example?: unknown }} Parameter
 * @typedef {object} Operation
 * @property {string} operationId
 * @property {Parameter[]} [parameters]
 * @property {{ content: Record<string, { example?: unknown }> }} [requestBody]
 * @property {Record<string, string[]>[]} security
 * @property {Record<string, { content?: Record<string, unknown> }>} responses
 */

/** Headers that a browser sets, or that are of use to programs only. */
const LEFT_OUT = ["traceparent", "X-Correlation-Id", "If-None-Match", "Last-Event-ID", "Prefer"];

/**
 * A labelled field.
 * @param {string} label
 * @param {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} input
 */
const labelled = (label, input) => element("label", {}, label, input);

/**
 * @param {string} name
 * @param {string} value
 * @param {string} operation
 */
function input(name, value, operation) {
  return element("input", {
    class: "field small",
    value,
    type: "text",
    autocomplete: "off",
    spellcheck: false,
    testid: `${operation}-${name}`,
  });
}

/**
 * @param {Parameter} parameter
 * @param {string} template The path with its parameters in braces.
 */
function valueOf({ name, in: place, required, example }, template) {
  const { id, order, version } = current();
  const subject = template.startsWith("/api/orders/") ? order : id;
  if (place === "path") return name === "id" ? (subject ?? "") : String(example ?? "");
  if (!required) return "";
  if (name === "If-Match") return version ? `"${version}"` : "";
  if (name === "Idempotency-Key") return crypto.randomUUID?.() ?? String(Date.now());
  return String(example ?? "");
}

/**
 * @param {unknown} example
 * @returns {string}
 */
function bodyOf(example) {
  const { total } = current();
  const isOrder = typeof example === "object" && example !== null && "expected_total" in example;
  return JSON.stringify(
    isOrder && total !== undefined ? { expected_total: total } : example,
    null,
    2,
  );
}

/**
 * Whose token the operation requires.
 * @param {Operation} operation
 */
function tokenOf(operation) {
  if (operation.security.some((it) => it.cart_token))
    return { label: "Cart token", value: current().token ?? "" };
  if (operation.security.some((it) => it.operator_token))
    return { label: "Operator token (not in demo mode)", value: current().operator ?? "" };
  if (operation.security.some((it) => it.warehouse_token))
    return { label: "Warehouse token", value: "" };
  return null;
}

/**
 * The fields of the operation's request, and what they make.
 * @param {string} method
 * @param {string} template The path with its parameters in braces.
 * @param {Operation} operation
 */
export function requestForm(method, template, operation) {
  const id = operation.operationId;
  const shown = (operation.parameters ?? []).filter(({ name }) => !LEFT_OUT.includes(name));
  const parameters = shown.map((parameter) => ({
    ...parameter,
    input: input(parameter.name, valueOf(parameter, template), id),
  }));
  const token = tokenOf(operation);
  const tokenInput = token && input("token", token.value, id);
  const types = Object.keys(
    Object.values(operation.responses).find((it) => it.content)?.content ?? {},
  );
  const accept =
    types.length > 1
      ? element(
          "select",
          { class: "field small", testid: `${id}-accept` },
          types.map((type) => element("option", { value: type }, type)),
        )
      : null;
  const example = operation.requestBody?.content["application/json"]?.example;
  const body =
    example === undefined
      ? null
      : element("textarea", {
          class: "field",
          spellcheck: false,
          value: bodyOf(example),
          testid: `${id}-body`,
        });
  /** @param {{ name: string, required: boolean }} parameter */
  const label = ({ name, required }) => (required ? `${name} (required)` : name);
  const fields = [
    ...parameters.map((parameter) => labelled(label(parameter), parameter.input)),
    ...(token && tokenInput ? [labelled(token.label, tokenInput)] : []),
    ...(accept ? [labelled("Accept", accept)] : []),
    ...(body ? [labelled("Body", body)] : []),
  ];

  /** @returns {{ path: string, options: RequestInit, operator: string | undefined }} */
  function request() {
    let path = template;
    const query = new URLSearchParams();
    /** @type {Record<string, string>} */
    const headers = {};
    for (const { name, in: place, input: field } of parameters) {
      const value = field.value.trim();
      if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(value));
      else if (value && place === "query") query.set(name, value);
      else if (value) headers[name] = value;
    }
    const given = tokenInput?.value.trim();
    if (given) headers.Authorization = `Bearer ${given}`;
    if (accept) headers.Accept = accept.value;
    if (body) headers["Content-Type"] = "application/json";
    const search = query.size ? `?${query}` : "";
    const isOperator = operation.security.some((it) => it.operator_token);
    return {
      path: path + search,
      options: { method, headers, body: body?.value },
      operator: isOperator ? given : undefined,
    };
  }
  return { fields, request };
}
