// A training run, live. Everything shown comes from the server's events, so a reload or another browser sees the same.

import { LineChart } from "../shared/chart.js";
import { all, around, element, one, say } from "../shared/dom.js";
import { duration, outcome, stage, written } from "./run_words.js";

/** @import { Metric, Run } from "../types" */

/** @type {Map<string, LineChart>} */
const charts = new Map(); // metric → the chart that has its line
for (const svg of all(document, ".chart", SVGSVGElement)) {
  const names = (svg.dataset.lines ?? "").split(" ");
  const chart = new LineChart(svg, names);
  for (const name of names) charts.set(name, chart);
}
const outputs = new Map(all(document, "output[data-metric]", HTMLOutputElement).map((output) => [output.dataset.metric, output]));
const { events = "", serving = "", watched } = element("run").dataset;
const progress = element("progress", HTMLProgressElement);
const source = new EventSource(events);
let attempts = 0;

source.addEventListener("run", (event) => {
  /** @type {Run} */
  const run = JSON.parse(event.data);
  if (run.attempts > 1 && attempts && run.attempts !== attempts) charts.forEach((chart) => chart.clear());
  attempts = run.attempts;
  element("status").textContent = run.cancelling ? "cancelling" : run.status;
  element("status").className = `status status-${run.status}`;
  progress.max = run.total_steps || 1;
  progress.value = run.step;
  element("steps").textContent = run.total_steps ? `step ${run.step} of ${run.total_steps}` : "";
  element("eta").textContent = run.eta_seconds ? `about ${duration(run.eta_seconds)} left` : "";
  charts.forEach((chart) => chart.setLastStep(run.total_steps));
  const active = run.status === "queued" || run.status === "running";
  element("stage").textContent = active ? stage(run) : ""; // the status says how it ended
  if (run.parent_version) element("parent").textContent = `version ${run.parent_version}`;
  element("cancel-form").hidden = !active;
  element("again").hidden = active;
  element("cancel", HTMLButtonElement).disabled = run.cancelling;
  say("error", run.error);
  say("note", run.note);
  say("result", outcome(run, serving, watched === "yes"));
  element("evaluated").hidden = !run.produced_version;
  if (run.produced_version) {
    const link = one(element("evaluated"), "a", HTMLAnchorElement);
    link.href = link.href.replace(/\d+$/, String(run.produced_version));
    one(link, "span", HTMLElement).textContent = String(run.produced_version);
  }
});

source.addEventListener("metric", (event) => {
  /** @type {Metric} */
  const { name, step, value } = JSON.parse(event.data);
  charts.get(name)?.add(name, step, value);
  const output = outputs.get(name);
  if (output) output.textContent = written(value);
});

source.addEventListener("log", (event) => {
  const log = element("log");
  log.textContent = JSON.parse(event.data);
  log.scrollTop = log.scrollHeight;
});

source.addEventListener("end", () => {
  source.close();
  // Nothing was measured of these, as of runs whose release did not measure it: empty charts say nothing.
  for (const chart of charts.values()) {
    const figure = around(chart.svg, "figure");
    if (figure) figure.hidden = chart.empty && attempts > 0;
  }
});

// A lost connection is taken up again by the browser; a refused one (signed out, say) is not.
source.addEventListener("error", () => {
  if (source.readyState === EventSource.CLOSED) say("stale", "Live updates have stopped. Reload the page to go on.");
});
