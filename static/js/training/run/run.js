// A training run, live. Everything shown comes from the server, so a reload or another browser sees the same.

import { ApiError, call } from "../../shared/api.js";
import { all, element, one, say } from "../../shared/dom.js";
import { count } from "../../shared/text.js";
import { gettext } from "../../shared/words.js";
import { Charts } from "../charts/charts.js";
import { notify, offerNotification } from "./notify.js";
import { STATUSES, ending, outcome, remaining, stage } from "./run_words.js";
import { showInTab } from "./tab.js";

/** @import { Metric, Run, RunCurves } from "../../types" */

const { run: number = "", events = "", live = "", watched } = element("run").dataset;
const charts = new Charts(`run-${number}`);
const progress = element("progress", HTMLProgressElement);
const phases = all(document, "#phases li", HTMLLIElement);
/** @type {Run | null} */
let latest = null;

/** @param {Run} run */
function show(run) {
  if (latest && run.attempts > latest.attempts && latest.attempts) charts.each((chart) => chart.clear());
  latest = run;
  const active = run.status === "queued" || run.status === "running";
  element("status").textContent = run.cancelling ? gettext("cancelling") : STATUSES[run.status];
  element("status").className = `status status-${run.status}`;
  showCourse(run, active);
  showInTab(run);
  charts.each((chart) => { chart.last = run.total_steps || 1; });
  const { produced_version: made, parent_version: parent } = run;
  const versions = made ? [{ step: run.total_steps, name: gettext("version %(number)s", { number: made }) }] : [];
  charts.mark([...run.checkpoints.map((step) => ({ step, name: "" })), ...versions]);
  if (parent) element("parent").textContent = gettext("from version %(number)s", { number: parent });
  element("cancel-form").hidden = !active;
  element("again").hidden = active;
  element("cancel", HTMLButtonElement).disabled = run.cancelling;
  say("error", run.error);
  say("note", run.note);
  say("result", outcome(run, live, watched === "yes"));
  element("evaluated").hidden = !run.produced_version;
  if (run.produced_version) {
    const link = one(element("evaluated"), "a", HTMLAnchorElement);
    link.href = link.href.replace(/\d+$/, String(run.produced_version));
    one(link, "span", HTMLElement).textContent = String(run.produced_version);
  }
}

/**
 * The bar of the whole run, its phases, and what it is at.
 *
 * @param {Run} run
 * @param {boolean} active
 */
function showCourse(run, active) {
  progress.value = run.progress;
  element("share").textContent = `${Math.round(run.progress * 100)} %`;
  element("eta").textContent = remaining(run);
  const steps = { step: count(run.step), steps: count(run.total_steps) };
  element("steps").textContent = run.total_steps ? gettext("step %(step)s of %(steps)s", steps) : "";
  element("stage").textContent = active && run.stage !== run.phase?.toLowerCase() ? stage(run) : "";
  element("course").hidden = !active;
  const at = phases.findIndex((phase) => phase.dataset.phase === run.phase);
  phases.forEach((phase, place) => {
    phase.classList.toggle("done", place < at);
    phase.toggleAttribute("aria-current", place === at);
    if (place === at) phase.setAttribute("aria-current", "step");
  });
}

/** @param {number} after the id of the latest value that the charts have */
function follow(after) {
  const source = new EventSource(`${events}?after=${after}`);
  source.addEventListener("run", (event) => show(JSON.parse(event.data)));
  source.addEventListener("metric", (event) => {
    /** @type {Metric} */
    const { name, step, value } = JSON.parse(event.data);
    charts.of(name)?.add(name, step, value);
  });
  source.addEventListener("log", (event) => {
    const log = element("log");
    log.textContent = JSON.parse(event.data);
    log.scrollTop = log.scrollHeight;
  });
  source.addEventListener("end", () => {
    source.close();
    if (!latest) return;
    notify(gettext("Run %(number)s: %(status)s", { number, status: STATUSES[latest.status] }), ending(latest));
    // Nothing was measured of these, as of runs whose release did not measure it: empty charts say nothing.
    if (latest.attempts) charts.each((chart) => { chart.figure.hidden = chart.empty; });
  });
  // A lost connection is taken up again by the browser; a refused one (signed out, say) is not.
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) say("stale", gettext("Live updates have stopped. Reload the page to go on."));
  });
}

/** Loads the values that there are at once, thinned, and follows the run from there. */
async function begin() {
  /** @type {RunCurves} */
  const found = await call("GET", `/training-runs/${number}/curves`);
  for (const [name, points] of Object.entries(found.curves)) {
    for (const [step, value] of points) charts.of(name)?.add(name, step, value);
  }
  follow(found.last);
}

offerNotification();
begin().catch((error) => {
  if (!(error instanceof ApiError)) throw error;
  follow(0); // the stream has all values, too
});
