// What the import page says of a file, and which columns of it may be what.

import { asText, count, shortened, some } from "../shared/text.js";

/** @import { ImportPreview, ImportProgress, ImportSample } from "../types" */

const FROM_FORMAT = "@prompt";

/**
 * What else a row says beside its text.
 *
 * @param {ImportSample} one
 */
export function details(one) {
  const parts = [];
  if (one.priority) parts.push(`Priority ${one.priority}`);
  if (one.overlap) parts.push(`Overlap ${one.overlap}`);
  if (one.gold) parts.push(`Right: ${shortened(one.gold)}`);
  for (const wrong of one.gold_wrong) parts.push(`Wrong: ${shortened(wrong)}`);
  for (const [name, value] of Object.entries(one.metadata)) parts.push(`${name}: ${shortened(asText(value))}`);
  for (const chosen of one.chosen) parts.push(`Chosen: ${shortened(chosen)}`);
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
  if (role !== "text") return [["none", ""], ...columns];
  if (!["", "prompt", "pairs"].includes(found.format)) return [["the prompt of this format", FROM_FORMAT], ...columns];
  return columns.length ? columns : [["the whole line", ""]];
}

/** @param {ImportPreview} found */
export function describe(found) {
  const rows = some(found.rows, "row", "rows");
  if (!found.rows) return "The file is empty: it holds no row with a text.";
  const parts = [found.found.what ? `${rows}, in a form that is known: ${found.found.what}.` : `${rows}.`];
  if (found.judgments) {
    const by = found.people ? ` by ${some(found.people, "person", "people")}` : "";
    parts.push(`It holds ${some(found.judgments, "judgment", "judgments")}${by}.`);
  }
  if (found.judgments_known) parts.push(`${some(found.judgments_known, "judgment is", "judgments are")} here already.`);
  if (found.unused) parts.push(`${some(found.unused, "part of a row", "parts of rows")} cannot be used.`);
  if (found.gold) parts.push(`${some(found.gold, "row is an attention check", "rows are attention checks")}.`);
  return parts.join(" ");
}

/** @param {ImportProgress} progress */
export function stored(progress) {
  const parts = [
    `${some(progress.rows, "row", "rows")} read`,
    `${count(progress.added - progress.checks - progress.judged)} new in the queue`,
    ...(progress.checks ? [`${count(progress.checks)} as attention checks`] : []),
    ...(progress.judged ? [`${count(progress.judged)} judged often enough`] : []),
    `${count(progress.duplicates)} there already`,
    `${count(progress.rejected_count)} not usable`,
  ];
  if (progress.unused_count) parts.push(some(progress.unused_count, "part of a row not used", "parts of rows not used"));
  if (progress.judgments) parts.push(some(progress.judgments, "judgment taken over", "judgments taken over"));
  if (progress.judgments_known) parts.push(some(progress.judgments_known, "judgment is here already", "judgments are here already"));
  return `${parts.join(" · ")}.`;
}
