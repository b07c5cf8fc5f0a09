// What the page of a run says of it, in words and figures.

/** @import { Run } from "../../types" */

/**
 * How long a run will still take, in words; nothing where that is not known.
 *
 * @param {Run} run
 */
export function remaining({ eta_seconds: seconds }) {
  if (!seconds) return "";
  if (seconds < 90) return `about ${seconds} s left`;
  const minutes = Math.round(seconds / 60);
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  return `about ${hours ? `${hours} h ` : ""}${rest || !hours ? `${rest} min ` : ""}left`;
}

/**
 * A value of a metric, as long as it says something.
 *
 * @param {number} value
 */
export function written(value) {
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  return value.toFixed(Math.abs(value) < 10 ? 4 : 2);
}

/**
 * What a run that has not ended is at.
 *
 * @param {Run} run
 */
export function stage(run) {
  if (!run.position) return run.stage;
  return `${run.stage}: ${run.position === 1 ? "one run is before it" : `${run.position} runs are before it`}`;
}

/**
 * What became of the version that a run produced; the note says it where there is one.
 *
 * @param {Run} run
 * @param {string} live the version that was live when the page was opened
 * @param {boolean} watched whether the run has ended since; one that ended before may have been rolled back, or overtaken
 */
export function outcome(run, live, watched) {
  const version = run.produced_version;
  if (!version || run.note) return "";
  if (watched || Number(live) === version) return `Version ${version} is published and live.`;
  return `Version ${version} is published. Version ${live} is live now.`;
}

/**
 * The sentence of the notification that a run has ended.
 *
 * @param {Run} run
 */
export function ending(run) {
  return run.error || run.note || outcome(run, "", true) || "It left no version.";
}
