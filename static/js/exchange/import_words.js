// What the import page says of a file, and which columns of it may be what.

import { asText, count, shortened } from "../shared/text.js";
import { gettext, ngettext } from "../shared/words.js";

/** @import { ImportPreview, ImportProgress, ImportSample } from "../types" */

const FROM_FORMAT = "@prompt";

/**
 * What else a row says beside its text.
 *
 * @param {ImportSample} one
 */
export function details(one) {
  const parts = [];
  if (one.turns.length) parts.push(ngettext("%(num)s turn before", "%(num)s turns before", one.turns.length));
  if (one.priority) parts.push(gettext("Priority %(number)s", { number: one.priority }));
  if (one.overlap) parts.push(gettext("Overlap %(number)s", { number: one.overlap }));
  if (one.gold) parts.push(gettext("Right: %(text)s", { text: shortened(one.gold) }));
  for (const wrong of one.gold_wrong) parts.push(gettext("Wrong: %(text)s", { text: shortened(wrong) }));
  for (const [name, value] of Object.entries(one.metadata)) parts.push(`${name}: ${shortened(asText(value))}`);
  for (const chosen of one.chosen) parts.push(gettext("Chosen: %(text)s", { text: shortened(chosen) }));
  return parts.join("\n") || "–";
}

/**
 * The columns that may have a role, as [what is said, value].
 *
 * @param {string} role
 * @param {ImportPreview["found"]} found
 * @returns {[string, string][]}
 */
export function choices(role, found) {
  /** @type {[string, string][]} */
  const columns = found.columns.map((column) => [column, column]);
  if (role !== "text") return [[gettext("none"), ""], ...columns];
  if (!["", "prompt", "pairs"].includes(found.format)) return [[gettext("the prompt of this format"), FROM_FORMAT], ...columns];
  return columns.length ? columns : [[gettext("the whole line"), ""]];
}

/** @param {ImportPreview} found */
export function describe(found) {
  if (!found.rows) return gettext("The file is empty: it holds no row with a text.");
  const parts = [found.found.what ? knownRows(found) : ngettext("%(num)s row.", "%(num)s rows.", found.rows)];
  if (found.judgments) parts.push(holdings(found));
  if (found.judgments_known) {
    parts.push(ngettext("%(num)s judgment is here already.", "%(num)s judgments are here already.", found.judgments_known));
  }
  if (found.unused) {
    parts.push(ngettext("%(num)s part of a row cannot be used.", "%(num)s parts of rows cannot be used.", found.unused));
  }
  if (found.systems) parts.push(`${systemsKept(found.systems)}.`);
  if (found.gold) parts.push(ngettext("%(num)s row is an attention check.", "%(num)s rows are attention checks.", found.gold));
  return parts.join(" ");
}

/** @param {number} systems */
const systemsKept = (systems) => ngettext(
  "%(num)s system message of a row kept as metadata, while the desk uses the project's",
  "%(num)s system messages of rows kept as metadata, while the desk uses the project's",
  systems,
);

/** @param {ImportPreview} found */
const knownRows = ({ rows, found: { what } }) => ngettext(
  "%(num)s row, in a form that is known: %(form)s.",
  "%(num)s rows, in a form that is known: %(form)s.",
  rows,
  { form: what },
);

/** @param {ImportPreview} found */
function holdings({ judgments, people }) {
  if (!people) return ngettext("It holds %(num)s judgment.", "It holds %(num)s judgments.", judgments);
  return ngettext("It holds %(num)s judgment by %(people)s.", "It holds %(num)s judgments by %(people)s.", judgments, {
    people: ngettext("%(num)s person", "%(num)s people", people),
  });
}

/** @param {ImportProgress} progress */
export function stored(progress) {
  const parts = [
    ngettext("%(num)s row read", "%(num)s rows read", progress.rows),
    gettext("%(number)s new in the queue", { number: count(progress.added - progress.checks - progress.judged) }),
    ...(progress.checks ? [gettext("%(number)s as attention checks", { number: count(progress.checks) })] : []),
    ...(progress.judged ? [gettext("%(number)s judged often enough", { number: count(progress.judged) })] : []),
    gettext("%(number)s there already", { number: count(progress.duplicates) }),
    gettext("%(number)s not usable", { number: count(progress.rejected_count) }),
  ];
  const { unused_count: unused, judgments, judgments_known: known, systems } = progress;
  if (unused) parts.push(ngettext("%(num)s part of a row not used", "%(num)s parts of rows not used", unused));
  if (systems) parts.push(systemsKept(systems));
  if (judgments) parts.push(ngettext("%(num)s judgment taken over", "%(num)s judgments taken over", judgments));
  if (known) parts.push(ngettext("%(num)s judgment is here already", "%(num)s judgments are here already", known));
  return `${parts.join(" · ")}.`;
}
