/** The header that all pages share: where one can go, and the switch between light and dark. */

import { byId, element, icon } from "./element.js";
import { keep } from "./memory.js";

const PLACES = [
  { href: "/", name: "Shop" },
  { href: "/history", name: "History" },
  { href: "/insights", name: "Insights" },
  { href: "/operations", name: "Operations" },
  { href: "/docs", name: "Docs" },
];

export function showHeader() {
  const here = location.pathname;
  byId("nav").replaceChildren(
    ...PLACES.map(({ href, name }) => {
      const current = here === href ? "page" : href !== "/" && here.startsWith(`${href}/`) ? "true" : null;
      return element("a", { href, "aria-current": current }, name);
    }),
  );
  byId("theme-slot").replaceChildren(themeSwitch());
}

function themeSwitch() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const sun = icon("M12 7.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z", "M12 2v2M12 20v2M2 12h2M20 12h2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4");
  const moon = icon("M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z");
  sun.classList.add("sun");
  moon.classList.add("moon");
  const button = element("button", { class: "button quiet icon", type: "button", title: "Dark theme", "aria-label": "Dark theme", testid: "theme-switch" }, sun, moon);
  const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    keep("cartlog.theme", theme);
    show();
    // Whoever draws on a canvas has to read the colours again.
    dispatchEvent(new CustomEvent("themechange"));
  });
  system.addEventListener("change", () => {
    show();
    dispatchEvent(new CustomEvent("themechange"));
  });
  show();
  return button;
}
