// Several runs, all their metrics beside each other; what still trains is asked again until it has ended.

import { ApiError, call } from "../shared/api.js";
import { all, element } from "../shared/dom.js";
import { gettext } from "../shared/words.js";
import { Charts } from "./charts/charts.js";

/** @import { RunCurves } from "../types" */

const AGAIN_MS = 3000;
const byShare = element("comparison").dataset.along === "share";
const runs = all(document, "#comparison [data-run]", HTMLElement).map(({ dataset }) => ({
  number: dataset.run ?? "",
  steps: Number(dataset.steps),
  active: dataset.active === "yes",
  version: dataset.version,
}));
const charts = new Charts(`runs-${runs.map(({ number }) => number).join("-")}`);
charts.each((chart) => { chart.unit = byShare ? "share" : "step"; });

/** @param {{ number: string, steps: number }} run */
async function load({ number, steps }) {
  /** @type {RunCurves} */
  const { curves } = await call("GET", `/training-runs/${number}/curves`);
  for (const [metric, points] of Object.entries(curves)) {
    const end = steps || points.at(-1)?.[0] || 1;
    for (const [step, value] of points) charts.of(metric)?.add(number, byShare ? step / end : step, value);
  }
}

async function draw() {
  try {
    await Promise.all(runs.map(load));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    element("comparison-problem").textContent = error.message;
  }
  if (runs.some(({ active }) => active)) setTimeout(draw, AGAIN_MS);
}

if (!byShare) {
  const made = runs.filter(({ version }) => version);
  charts.mark(made.map(({ steps, version = "" }) => ({ step: steps, name: gettext("version %(number)s", { number: version }) })));
}
draw();
