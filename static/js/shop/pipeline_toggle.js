/**
 * The switch of the panel that shows what happens. Its code and styles are loaded when it is
 * wanted.
 */

import { element, setAttribute, setText } from "../page/element.js";
import { toast } from "../page/notices.js";
import { loadItem, storeItem } from "../page/storage.js";

const KEY = "cartlog.pipeline";
const STYLES = "/css/pipeline.css";

/** @type {Promise<{ remove(): void }> | null} */
let panel = null;

/** @type {HTMLElement | null} */
const button = document.querySelector('[data-testid="pipeline-toggle"]');

/** The panel stays open on the next pages, if they have the button. */
export function startPipelineToggle() {
  if (!button) return;
  button.addEventListener("click", () => (panel ? close() : open()));
  if (loadItem(KEY)) void open();
}

async function open() {
  show(true);
  panel = load();
  try {
    await panel;
    storeItem(KEY, "open");
  } catch {
    panel = null;
    show(false);
    toast("Couldn’t load the panel. Try again.");
  }
}

async function load() {
  const [{ PipelinePanel }] = await Promise.all([import("../pipeline/panel.js"), styles()]);
  return new PipelinePanel(() => {
    void close();
    button?.focus();
  });
}

async function close() {
  const open = panel;
  panel = null;
  show(false);
  storeItem(KEY, null);
  (await open)?.remove();
}

/** @param {boolean} isOpen */
function show(isOpen) {
  if (!button) return;
  setAttribute(button, "aria-expanded", String(isOpen));
  setText(button, isOpen ? "Hide what happens" : "Show what happens");
}

/** The panel's styles, once they are there. */
function styles() {
  if (document.querySelector(`link[href="${STYLES}"]`)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const link = element("link", {
      rel: "stylesheet",
      href: STYLES,
      on: {
        load: resolve,
        error: () => {
          link.remove();
          reject(new Error(STYLES));
        },
      },
    });
    document.head.append(link);
  });
}
