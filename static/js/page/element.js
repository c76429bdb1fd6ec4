/**
 * Making DOM elements. Text only ever becomes text nodes, so nothing a shopper or a product is
 * called can turn into markup.
 */

/**
 * An element with properties and children. `props` are DOM properties; names with a dash and
 * `role` are attributes, `on` is a map of listeners, `data` the dataset, `testid`
 * the hook by which tests find it.
 */
export function element(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (name === "on") for (const [type, listener] of Object.entries(value)) made.addEventListener(type, listener);
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name.includes("-") || name === "role" || name === "for") made.setAttribute(name, value);
    else if (name === "class") made.className = value;
    else if (name === "testid") made.dataset.testid = value;
    else made[name] = value;
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** The elements within `root` by their `data-part`. */
export const partsOf = (root) => Object.fromEntries([...root.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));

/** A copy of the one element in the template with this id: `{ root, parts }`. */
export function fromTemplate(id) {
  const root = byId(id).content.firstElementChild.cloneNode(true);
  return { root, parts: partsOf(root) };
}

/** Sets text only when it differs: an unchanged node costs no layout and is not read out again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets an attribute only when it differs; `null` takes it off. */
export function setAttribute(node, name, value) {
  if (value === null) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/** The element with this id, which the page's markup promises to hold. */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no #${id}`);
  return found;
}

/** What a press of the button does, while it is not disabled. */
export function onPress(id, act) {
  byId(id).addEventListener("click", () => byId(id).ariaDisabled !== "true" && act());
}

/** A button that cannot be pressed now keeps the focus: it would fall off one that is disabled for real. */
export const disable = (id, is) => setAttribute(byId(id), "aria-disabled", is ? "true" : null);
