/**
 * Making DOM elements. Text only ever becomes text nodes, so nothing a shopper or a product is
 * called can turn into markup.
 */

/**
 * @typedef {Node | string | null} Child
 * @typedef {object} Props
 * @property {string} [class]
 * @property {string} [testid] The hook by which tests find the element.
 * @property {Record<string, string | undefined>} [data] The dataset.
 * @property {Record<string, EventListener>} [on] Listeners by their event.
 */

/**
 * An element with properties and children. Other `props` are DOM properties; names with a dash,
 * `role` and `for` are attributes.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Props & Record<string, unknown>} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, { class: className, testid, data, on, ...props } = {}, ...children) {
  const created = document.createElement(tag);
  if (className) created.className = className;
  for (const [type, listener] of Object.entries(on ?? {})) created.addEventListener(type, listener);
  Object.assign(created.dataset, data, testid && { testid });
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (name.includes("-") || name === "role" || name === "for")
      created.setAttribute(name, String(value));
    else Reflect.set(created, name, value);
  }
  created.append(...children.flat().filter((child) => child !== null));
  return created;
}

/**
 * The elements within `root` by their `data-part`.
 * @param {Element} root
 * @returns {Record<string, HTMLElement>}
 */
export function partsOf(root) {
  /** @type {NodeListOf<HTMLElement>} */
  const parts = root.querySelectorAll("[data-part]");
  return Object.fromEntries([...parts].map((part) => [part.dataset.part, part]));
}

/**
 * A copy of the one element in the template with this id.
 * @template {keyof PageTemplates} Id
 * @param {Id} id
 * @returns {{ root: HTMLElement, parts: PageTemplates[Id] }}
 */
export function fromTemplate(id) {
  /** @type {any} */
  const template = byId(id);
  /** @type {HTMLElement} */
  const root = template.content.firstElementChild.cloneNode(true);
  /** @type {any} */
  const parts = partsOf(root);
  return { root, parts };
}

/**
 * Sets text only when it differs: an unchanged node costs no layout and is not read out again.
 * @param {Element} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Sets an attribute only when it differs; `null` removes it.
 * @param {Element} node
 * @param {string} name
 * @param {string | number | null} value
 */
export function setAttribute(node, name, value) {
  if (value === null) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
}

/**
 * The element with this id, which the page's markup promises to hold.
 * @template {string} Id
 * @param {Id} id
 * @returns {Id extends keyof PageElements ? PageElements[Id] : HTMLElement}
 */
export function byId(id) {
  /** @type {any} */
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no #${id}`);
  return found;
}

/**
 * Runs `act` when the button is pressed, unless it is disabled.
 * @param {string} id
 * @param {() => void} act
 */
export function onPress(id, act) {
  byId(id).addEventListener("click", () => byId(id).ariaDisabled !== "true" && act());
}

/**
 * Disables a button by `aria-disabled`, which keeps the focus; the `disabled` property loses it.
 * @param {string} id
 * @param {boolean} is
 */
export const disable = (id, is) => setAttribute(byId(id), "aria-disabled", is ? "true" : null);
