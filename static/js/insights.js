/** The insights' page: what the shop can learn from its log, read from views. */

import { byId, setText } from "./page/element.js";
import { announce } from "./page/notices.js";
import { asOperator, isSignedOut } from "./page/operator.js";
import { count, percent, duration } from "./page/format.js";
import { Figure } from "./insights/figure.js";
import { showAbandoned, showActivity, showFunnel, showHesitated, showPairs, showProducts } from "./insights/figures.js";
import * as queries from "./insights/queries.js";

const [funnel, activity, products, hesitated, pairs, abandoned] = ["funnel", "activity", "products", "hesitated", "pairs", "abandoned"].map((id) => new Figure(id));

let asked = 0;
const period = new queries.Period(show);

open();

async function open() {
  try {
    await asOperator("Insights cover all shoppers.", () => {
      byId("waiting").hidden = false;
      period.read();
    });
  } catch (error) {
    fail(error);
  }
}

/** Draws all at once, when all is there: nothing jumps. */
async function show(stretch, time) {
  asked += 1;
  const own = asked;
  byId("failed").hidden = true;
  byId("insights").setAttribute("aria-busy", "true");
  try {
    const [numbers, steps, all, doubts, together, left] = await Promise.all([queries.funnel(stretch), queries.activity(stretch), queries.products(), queries.hesitated(), queries.pairs(), queries.abandoned()]);
    if (own !== asked) return;
    const names = new Map(all.map(({ sku, name }) => [sku, name]));
    const nothing = !all.length && !numbers.opened && !steps.items.length && !stretch.from && !stretch.to;
    byId("empty").hidden = !nothing;
    byId("insights").hidden = nothing;
    byId("waiting").hidden = true;
    setText(byId("span"), time);
    showFunnel(funnel, numbers, numbers.idle_since, time);
    showActivity(activity, steps, time);
    showProducts(products, all);
    showHesitated(hesitated, doubts);
    showPairs(pairs, together, (sku) => names.get(sku) ?? sku);
    showAbandoned(abandoned, left);
    showFigures(numbers);
    announce(nothing ? "Nothing has happened yet" : `${count(numbers.opened, "cart")} opened, ${count(numbers.checked_out, "order")}`);
  } catch (error) {
    if (own === asked) fail(error);
  } finally {
    byId("insights").setAttribute("aria-busy", "false");
  }
}

function showFigures({ opened, checked_out, conversion, time_to_checkout: { median_ms }, idle }) {
  setText(byId("stat-opened"), opened.toLocaleString("en"));
  setText(byId("stat-orders"), checked_out.toLocaleString("en"));
  setText(byId("stat-conversion"), conversion === null ? "–" : percent(conversion));
  setText(byId("stat-time"), median_ms === null ? "–" : duration(median_ms));
  setText(byId("stat-idle"), idle.toLocaleString("en"));
}

function fail(error) {
  byId("waiting").hidden = true;
  if (isSignedOut(error)) {
    byId("insights").hidden = true;
    open();
    return;
  }
  byId("failed").hidden = false;
  setText(byId("failed-words"), error.message);
  byId("again").onclick = () => {
    byId("failed").hidden = true;
    open();
  };
}
