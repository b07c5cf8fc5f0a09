// What the page of a run says of it, in words and figures.

/** @import { Run } from "../types" */

/** @param {number} seconds */
export function duration(seconds) {
  const whole = Math.ceil(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
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
  return `${run.stage}: ${run.position === 1 ? "one run comes before it" : `${run.position} runs come before it`}`;
}

/**
 * What became of the version that a run produced; the note says it where there is one.
 *
 * @param {Run} run
 * @param {string} serving the version that served when the page was opened
 * @param {boolean} watched whether the run has ended since; one that ended before may have been rolled back, or overtaken
 */
export function outcome(run, serving, watched) {
  const version = run.produced_version;
  if (!version || run.note) return "";
  if (watched || Number(serving) === version) return `Version ${version} is published and serves.`;
  return `Version ${version} is published. Version ${serving} serves now.`;
}
