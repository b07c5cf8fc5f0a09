// What the page of a run says of it, in words and figures.

import { gettext, language, ngettext } from "../../shared/words.js";

/** @import { Run } from "../../types" */

/**
 * What each status is called; the API has its English name.
 *
 * @type {Record<string, string>}
 */
export const STATUSES = {
  queued: gettext("queued"),
  running: gettext("running"),
  succeeded: gettext("succeeded"),
  failed: gettext("failed"),
  cancelled: gettext("cancelled"),
};

/** What a run that has not ended is at, by what the worker says; the phases have names of their own. */
const STAGES = new Map(Object.entries({
  queued: gettext("queued"),
  "waiting: no worker takes from gpu": gettext("waiting: no worker takes from gpu"),
  "waiting: no worker takes from cpu": gettext("waiting: no worker takes from cpu"),
  "waiting: no worker takes from default": gettext("waiting: no worker takes from default"),
  starting: gettext("starting"),
  "importing the training libraries": gettext("importing the training libraries"),
  "reading the data": gettext("reading the data"),
  loading: gettext("loading"),
  "asking the clicks about other texts": gettext("asking the clicks about other texts"),
  scoring: gettext("scoring"),
  saving: gettext("saving"),
  "queued again, its worker died": gettext("queued again, its worker died"),
  "at work again, its worker was silent": gettext("at work again, its worker was silent"),
}));

/**
 * How long a run will still take, in words; nothing where that is not known.
 *
 * @param {Run} run
 */
export function remaining({ eta_seconds: seconds }) {
  if (!seconds) return "";
  if (seconds < 90) return gettext("about %(seconds)s s left", { seconds });
  const all = Math.round(seconds / 60);
  const [hours, minutes] = [Math.floor(all / 60), all % 60];
  if (!hours) return gettext("about %(minutes)s min left", { minutes });
  return minutes ? gettext("about %(hours)s h %(minutes)s min left", { hours, minutes }) : gettext("about %(hours)s h left", { hours });
}

/**
 * A value of a metric, as long as it says something.
 *
 * @param {number} value
 */
export function written(value) {
  const places = Math.abs(value) < 10 ? 4 : 2;
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  return value.toLocaleString(language, { minimumFractionDigits: places, maximumFractionDigits: places, useGrouping: false });
}

/**
 * What a run that has not ended is at.
 *
 * @param {Run} run
 */
export function stage(run) {
  const at = STAGES.get(run.stage) ?? run.stage;
  if (!run.position) return at;
  return ngettext("%(stage)s: one run is before it", "%(stage)s: %(num)s runs are before it", run.position, { stage: at });
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
  if (watched || Number(live) === version) return gettext("Version %(number)s is published and live.", { number: version });
  return gettext("Version %(number)s is published. Version %(live)s is live now.", { number: version, live });
}

/**
 * The sentence of the notification that a run has ended.
 *
 * @param {Run} run
 */
export function ending(run) {
  return run.error || run.note || outcome(run, "", true) || gettext("It produced no version.");
}
