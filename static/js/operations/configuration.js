/** The settings in effect, by section, in a table that is loaded once it is opened. */

import { byId, element, onPress, setAttribute, setText } from "../page/element.js";
import { isShownByPage } from "../page/operator.js";
import { get } from "../service/request.js";

/** @typedef {Api.Configuration["items"][number]} Setting */

const HEAD = ["Setting", "Value"];

/** @type {Setting[]} */
let settings = [];

/** Makes the section work. */
export function offerConfiguration() {
  const details = byId("configuration-details");
  details.addEventListener("toggle", () => details.open && load());
  byId("configuration-filter").addEventListener("input", show);
  onPress("configuration-changed", () => {
    const pressed = byId("configuration-changed").ariaPressed !== "true";
    setAttribute(byId("configuration-changed"), "aria-pressed", String(pressed));
    show();
  });
}

async function load() {
  try {
    /** @type {{ body: Api.Configuration }} */
    const { body } = await get("/api/configuration");
    settings = body.items;
    show();
  } catch (error) {
    if (!isShownByPage(error)) setText(byId("configuration-words"), error.message);
  }
}

function show() {
  const text = byId("configuration-filter").value.trim().toLowerCase();
  const only = byId("configuration-changed").ariaPressed === "true";
  const listed = settings.filter(
    (setting) => (setting.changed || !only) && searched(setting).includes(text),
  );
  const changed = settings.filter((setting) => setting.changed).length;
  setText(
    byId("configuration-words"),
    listed.length
      ? `${changed} of ${settings.length} settings differ from their defaults; ` +
          `${listed.length} listed.`
      : "No setting matches.",
  );
  byId("configuration-frame").hidden = !listed.length;
  const head = HEAD.map((name) => element("th", { scope: "col" }, name));
  byId("configuration-frame").replaceChildren(
    element(
      "table",
      { class: "plain" },
      element("thead", {}, element("tr", {}, ...head)),
      ...sections(listed),
    ),
  );
}

/**
 * The rows, below the name of each section.
 * @param {Setting[]} listed
 */
function sections(listed) {
  /** @type {Map<string, Setting[]>} */
  const bySection = new Map();
  for (const setting of listed) {
    const section = setting.name.split(".").slice(0, -1).join(".");
    bySection.set(section, [...(bySection.get(section) ?? []), setting]);
  }
  return [...bySection].map(([section, items]) => {
    const name = element("th", { scope: "rowgroup", colSpan: HEAD.length }, section);
    const title = section ? [element("tr", { class: "section" }, name)] : [];
    return element("tbody", {}, ...title, ...items.map(row));
  });
}

/** @param {Setting} setting */
function row(setting) {
  const { name, value, changed, hidden } = setting;
  const shown = element("td", {}, hidden ? element("i", {}, written(value)) : written(value));
  const mark = element("span", { class: "status", data: { status: "catching_up" } }, "changed");
  if (changed) shown.append(" ", mark);
  const from = origins(setting);
  if (from) shown.append(" ", element("small", {}, from));
  return element(
    "tr",
    { testid: `setting-${name}`, class: changed ? "changed" : "" },
    element("th", { scope: "row" }, name.split(".").at(-1) ?? name),
    shown,
  );
}

/**
 * Where a value comes from, and what it would be without that.
 * @param {Setting} setting
 */
function origins({ default: usual, changed, source, origin }) {
  const parts = [];
  if (changed && usual !== null) parts.push(`default: ${written(usual)}`);
  if (source !== "default") parts.push(`from ${origin ?? source}`);
  else if (changed) parts.push("adjusted by the service");
  return parts.join(", ");
}

/**
 * A value as people read it.
 * @param {unknown} value
 */
function written(value) {
  if (Array.isArray(value)) return value.length ? value.join(", ") : "none";
  return value === "" ? "empty" : String(value);
}

/** @param {Setting} setting */
const searched = ({ name, value, origin }) =>
  `${name} ${JSON.stringify(value)} ${origin ?? ""}`.toLowerCase();
