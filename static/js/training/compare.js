// Several runs on one chart; what still trains is asked again until it has ended.

import { ApiError, call } from "../shared/api.js";
import { LineChart } from "../shared/chart.js";

const AGAIN_MS = 3000;
const svg = document.getElementById("comparison");
const outputs = [...document.querySelectorAll("output[data-run]")];
const chart = new LineChart(svg, outputs.map((output) => output.dataset.run));
const byShare = svg.dataset.along === "share";
chart.unit = byShare ? "share" : "step";

async function load(output) {
  const { run, steps } = output.dataset;
  const found = await call("GET", `/training-runs/${run}/metrics?name=${encodeURIComponent(svg.dataset.metric)}`);
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
    document.getElementById("comparison-problem").textContent = error.message;
  }
  if (outputs.some((output) => output.dataset.active === "yes")) setTimeout(draw, AGAIN_MS);
}

draw();
