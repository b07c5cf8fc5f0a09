// Several runs on one chart; what still trains is asked again until it has ended.

import { ApiError, call } from "../shared/api.js";
import { LineChart } from "../shared/chart.js";
import { all, element } from "../shared/dom.js";

/** @import { RunCurve } from "../types" */

const AGAIN_MS = 3000;
const svg = element("comparison", SVGSVGElement);
const outputs = all(document, "output[data-run]", HTMLOutputElement);
const chart = new LineChart(svg, outputs.map((output) => output.dataset.run ?? ""));
const { along, metric = "" } = svg.dataset;
const byShare = along === "share";
chart.unit = byShare ? "share" : "step";

/** @param {HTMLOutputElement} output */
async function load(output) {
  const { run = "", steps } = output.dataset;
  /** @type {RunCurve} */
  const found = await call("GET", `/training-runs/${run}/metrics?name=${encodeURIComponent(metric)}`);
  const end = Number(steps) || found.points.at(-1)?.[0] || 1;
  for (const [step, value] of found.points) chart.add(run, byShare ? step / end : step, value);
  const last = found.points.at(-1)?.[1];
  output.textContent = last === undefined ? "no values" : String(Number(last.toPrecision(4)));
}

async function draw() {
  try {
    await Promise.all(outputs.map(load));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    element("comparison-problem").textContent = error.message;
  }
  if (outputs.some((output) => output.dataset.active === "yes")) setTimeout(draw, AGAIN_MS);
}

draw();
