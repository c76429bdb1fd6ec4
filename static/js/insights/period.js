/** The period that is looked at: in the address, so that it can be sent. Days begin where the reader is. */

import { byId } from "../page/element.js";

const DAY = 86_400_000;
const PRESETS = { hour: 3_600_000, day: DAY, week: 7 * DAY, month: 30 * DAY };
const DATE = /^\d{4}-\d\d-\d\d$/;

/** Midnight of a day as the reader's clock has it, so many days later; `null` for no date. */
function midnight(date, later = 0) {
  if (!DATE.test(date ?? "")) return null;
  const [year, month, day] = date.split("-").map(Number);
  const at = new Date(year, month - 1, day + later);
  return Number.isNaN(at.getTime()) ? null : at;
}

export class Period {
  #changed;

  constructor(changed) {
    this.#changed = changed;
    for (const id of ["from", "to"]) byId(id).addEventListener("change", () => this.#go({ from: byId("from").value, to: byId("to").value }));
    for (const chip of byId("presets").children) chip.addEventListener("click", () => this.#go(chip.value ? { last: chip.value } : {}));
    addEventListener("popstate", () => this.read());
    byId("period").addEventListener("submit", (event) => event.preventDefault());
  }

  /** Reads the address and tells `{from, to}`, each a `Date` or `null`. */
  read() {
    const address = new URLSearchParams(location.search);
    const last = PRESETS[address.get("last")] ? address.get("last") : null;
    const [from, to] = ["from", "to"].map((name) => (last ? null : address.get(name)));
    byId("from").value = midnight(from) ? from : "";
    byId("to").value = midnight(to) ? to : "";
    const chosen = last ?? (byId("from").value || byId("to").value ? null : "");
    for (const chip of byId("presets").children) chip.setAttribute("aria-pressed", String(chip.value === chosen));
    this.#changed(last ? { from: new Date(Date.now() - PRESETS[last]), to: null } : { from: midnight(from), to: midnight(to, 1) });
  }

  #go(parts) {
    const address = new URLSearchParams(Object.entries(parts).filter(([, value]) => value));
    history.pushState(null, "", address.size ? `?${address}` : location.pathname);
    this.read();
  }
}
