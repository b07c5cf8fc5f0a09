// A training run, live. Everything shown comes from the server's events, so a reload or another browser sees the same.

import { LineChart } from "../shared/chart.js";

const element = (id) => document.getElementById(id);
const charts = new Map(); // metric → the chart that has its line
for (const svg of document.querySelectorAll(".chart")) {
  const names = svg.dataset.lines.split(" ");
  const chart = new LineChart(svg, names);
  for (const name of names) charts.set(name, chart);
}
const outputs = new Map([...document.querySelectorAll("output[data-metric]")].map((output) => [output.dataset.metric, output]));
const { events, serving, watched } = element("run").dataset;
const source = new EventSource(events);
let attempts = 0;

function duration(seconds) {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

function written(value) {
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  return value.toFixed(Math.abs(value) < 10 ? 4 : 2);
}

function say(id, sentence) {
  element(id).textContent = sentence ?? "";
  element(id).hidden = !sentence;
}

source.addEventListener("run", (event) => {
  const run = JSON.parse(event.data);
  if (run.attempts > 1 && attempts && run.attempts !== attempts) charts.forEach((chart) => chart.clear());
  attempts = run.attempts;
  element("status").textContent = run.cancelling ? "cancelling" : run.status;
  element("status").className = `status status-${run.status}`;
  element("progress").max = run.total_steps || 1;
  element("progress").value = run.step;
  element("steps").textContent = run.total_steps ? `step ${run.step} of ${run.total_steps}` : "";
  element("eta").textContent = run.eta_seconds ? `about ${duration(run.eta_seconds)} left` : "";
  charts.forEach((chart) => chart.setLastStep(run.total_steps));
  const active = run.status === "queued" || run.status === "running";
  const before = run.position === 1 ? "one run comes before it" : `${run.position} runs come before it`;
  element("stage").textContent = active ? (run.position ? `${run.stage}: ${before}` : run.stage) : ""; // the status says how it ended
  if (run.parent_version) element("parent").textContent = `version ${run.parent_version}`;
  element("cancel-form").hidden = !active;
  element("again").hidden = active;
  element("cancel").disabled = run.cancelling;
  say("error", run.error);
  say("note", run.note);
  const version = run.produced_version;
  // A run that ended before this page was opened may have been rolled back since, or overtaken.
  const serves = watched === "yes" || Number(serving) === version;
  const outcome = serves ? `Version ${version} is published and serves.` : `Version ${version} is published. Version ${serving} serves now.`;
  say("result", version && !run.note ? outcome : "");
  element("evaluated").hidden = !version;
  if (version) {
    const link = element("evaluated").querySelector("a");
    link.href = link.href.replace(/\d+$/, version);
    link.querySelector("span").textContent = version;
  }
});

source.addEventListener("metric", (event) => {
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
  for (const chart of charts.values()) chart.svg.closest("figure").hidden = chart.empty && attempts > 0;
});

// A lost connection is taken up again by the browser; a refused one (signed out, say) is not.
source.addEventListener("error", () => {
  if (source.readyState === EventSource.CLOSED) say("stale", "Live updates have stopped. Reload the page to go on.");
});
