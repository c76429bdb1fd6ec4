/** The insights page: statistics of the whole shop, read from the views. */

import { byId, element, setText } from "./page/element.js";
import { announce } from "./page/notices.js";
import { asOperator, isSignedOut } from "./page/operator.js";
import { count, money, percent, duration } from "./page/format.js";
import { Figure } from "./insights/figure.js";
import {
  showAbandoned,
  showActivity,
  showFunnel,
  showHesitated,
  showPairs,
  showProducts,
} from "./insights/figures.js";
import { Live } from "./insights/live.js";
import * as queries from "./insights/queries.js";
import { isTemporary } from "./service/request.js";
import { whenBack } from "./service/retry.js";

const [funnel, activity, products, hesitated, pairs, abandoned] = [
  "funnel",
  "activity",
  "products",
  "hesitated",
  "pairs",
  "abandoned",
].map((id) => new Figure(id));

/** Characters of an amount that fit into a figure beside others. */
const LONG = 11;

let requests = 0;
const period = new queries.Period(show);
const live = new Live(() => period.read(true));
let cancelRetry = () => {};

open();

async function open() {
  cancelRetry();
  try {
    await asOperator("Insights cover all shoppers.", () => {
      byId("waiting").hidden = !byId("insights").hidden;
      period.read();
    });
  } catch (error) {
    fail(error);
  }
}

/**
 * Renders all figures at once, when all have been loaded: no layout shift. A refresh is not read
 * out, and one that fails leaves what is shown: the stream says that the connection is lost.
 * @param {queries.Range} range
 * @param {string} time
 * @param {boolean} [isRefresh]
 */
async function show(range, time, isRefresh = false) {
  requests += 1;
  const own = requests;
  cancelRetry();
  if (!isRefresh) {
    byId("failed").hidden = true;
    byId("insights").setAttribute("aria-busy", "true");
  }
  try {
    const [{ numbers, position }, steps, all, doubts, together, left] = await Promise.all([
      queries.funnel(range),
      queries.activity(range),
      queries.products(),
      queries.hesitated(),
      queries.pairs(),
      queries.abandoned(),
    ]);
    if (own !== requests) return;
    const names = new Map(all.map(({ sku, name }) => [sku, name]));
    // A product has numbers for each currency that it was sold in.
    for (const list of [all, doubts])
      if (list.some((it) => it.currency !== list[0].currency))
        for (const it of list) it.name += ` (${it.currency})`;
    const nothing =
      !all.length && !numbers.opened && !steps.items.length && !range.from && !range.to;
    byId("empty").hidden = !nothing;
    byId("insights").hidden = nothing;
    byId("results").hidden = false;
    byId("waiting").hidden = true;
    setText(byId("span"), time);
    showFunnel(funnel, numbers, numbers.idle_since);
    showActivity(activity, steps);
    showProducts(products, all);
    showHesitated(hesitated, doubts);
    showPairs(pairs, together, (sku) => names.get(sku) ?? sku);
    showAbandoned(abandoned, left);
    showFigures(numbers);
    live.shown(position);
    if (!isRefresh)
      announce(
        nothing
          ? "Nothing has happened yet"
          : `${count(numbers.opened, "cart")} opened, ${count(numbers.checked_out, "order")}`,
      );
  } catch (error) {
    if (own === requests && !(isRefresh && isTemporary(error))) fail(error);
  } finally {
    if (own === requests) byId("insights").setAttribute("aria-busy", "false");
  }
}

/** @param {Api.Funnel} funnel */
function showFigures({
  opened,
  checked_out,
  conversion,
  time_to_checkout: { median_ms },
  idle,
  revenue,
}) {
  showMoney(
    "stat-revenue",
    revenue.map(({ total, currency }) => money(total, currency)),
  );
  showMoney(
    "stat-average",
    revenue.map(({ average, currency }) => money(average, currency)),
  );
  setText(byId("stat-opened"), opened.toLocaleString("en"));
  setText(byId("stat-orders"), checked_out.toLocaleString("en"));
  setText(byId("stat-conversion"), conversion === null ? "–" : percent(conversion));
  setText(byId("stat-time"), median_ms === null ? "–" : duration(median_ms));
  setText(byId("stat-idle"), idle.toLocaleString("en"));
}

/**
 * Amounts of the currency with most orders, and smaller of the others.
 * @param {string} id
 * @param {string[]} amounts
 */
function showMoney(id, [main = "–", ...others]) {
  byId(id).replaceChildren(main, ...others.map((it) => element("small", {}, it)));
  byId(id).parentElement?.classList.toggle(
    "long",
    [main, ...others].some((it) => it.length > LONG),
  );
}

/** @param {Error} error */
function fail(error) {
  byId("waiting").hidden = true;
  if (isSignedOut(error)) {
    byId("insights").hidden = true;
    open();
    return;
  }
  // The figures of another period must not stand below the chosen one.
  byId("results").hidden = true;
  byId("empty").hidden = true;
  byId("failed").hidden = false;
  setText(byId("failed-words"), error.message);
  byId("again").onclick = open;
  if (isTemporary(error)) cancelRetry = whenBack(open);
}
