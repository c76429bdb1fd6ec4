/** Writing times: the service speaks RFC 3339 in UTC, people read their own clock. */

const clock = new Intl.DateTimeFormat("en-IE", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat("en-IE", { day: "numeric", month: "short", year: "numeric" });

/** `14:03:22` */
export const timeOfDay = (iso) => clock.format(new Date(iso));

/** `4 Mar 2026, 14:03:22` */
export const fullTime = (iso) => `${day.format(new Date(iso))}, ${timeOfDay(iso)}`;

/** How long something took, in the largest unit that says enough: `350 ms`, `12 s`, `3 min`. */
export function span(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}
