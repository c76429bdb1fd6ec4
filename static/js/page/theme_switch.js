/** The switch between light and dark in every page's header. */

import { byId } from "./element.js";
import { storeItem } from "./storage.js";

const system = matchMedia("(prefers-color-scheme: dark)");
const isDark = () =>
  (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";

function show() {
  byId("theme-switch").ariaPressed = String(isDark());
}

function changed() {
  show();
  // A canvas has to read the colours again.
  dispatchEvent(new CustomEvent("themechange"));
}

byId("theme-switch").addEventListener("click", () => {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  storeItem("cartlog.theme", theme);
  changed();
});
system.addEventListener("change", changed);
show();
