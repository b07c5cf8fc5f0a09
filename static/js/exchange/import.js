// Imports: the file is sent, the server says what is in it, and nothing is stored before Import is pressed.

import { ApiError, call } from "../shared/api.js";
import { all, around, element, make, one, say } from "../shared/dom.js";
import { onFile } from "../shared/files.js";
import { count, shortened } from "../shared/text.js";
import { gettext } from "../shared/words.js";
import { choices, describe, details, stored } from "./import_words.js";
import { store, upload } from "./upload.js";

/** @import { ImportPreview, ImportProgress, ImportReport, Mapping, Refused } from "../types" */

const columns = all(document, "[data-column]", HTMLSelectElement);
const layout = element("layout", HTMLSelectElement);
const header = element("header", HTMLInputElement);
const source = element("source", HTMLInputElement);
const overlap = element("overlap_of_all", HTMLInputElement);
const judgments = element("judgments", HTMLInputElement);
const go = element("go", HTMLButtonElement);
const taken = element("take", HTMLSelectElement);
const takenNumber = element("take-number", HTMLInputElement);
const pasted = element("pasted", HTMLTextAreaElement);
/** @type {File | null} */
let file = null;
/** @type {string | null} */
let id = null;
let latest = 0; // a newer choice of file makes the answers to older ones void
let looks = 0; // a newer choice of columns makes the previews of older ones void

/** @param {string[]} headings @param {...string} cells */
const row = (headings, ...cells) => make("tr", {}, ...cells.map((text, place) => make("td", { "data-label": headings[place] }, text)));

/** @param {string} box @param {string} rows @param {string} more @param {Refused[]} problems @param {number} number */
function listProblems(box, rows, more, problems, number) {
  element(box).hidden = !number;
  element(rows).replaceChildren(...problems.map((problem) => row([gettext("Line"), gettext("Why")], String(problem.line), problem.reason)));
  say(more, number > problems.length ? gettext("And %(number)s more.", { number: count(number - problems.length) }) : "");
}

/** @param {string} column @param {boolean} kept */
function keeping(column, kept) {
  const input = make("input", { type: "checkbox", className: "form-check-input", value: column, checked: kept });
  input.addEventListener("change", () => lookAgain(true));
  return make("label", { className: "form-check" }, input, ` ${column}`);
}

/** @returns {string[]} */
const leftOut = () => all(element("kept-columns"), "input", HTMLInputElement).filter((input) => !input.checked).map((input) => input.value);

/** @param {ImportPreview} preview */
function offerColumns({ found, mapping }) {
  for (const select of columns) {
    const role = select.dataset.column ?? "";
    select.replaceChildren(...choices(role, found).map(([said, value]) => new Option(said, value)));
    select.value = String(mapping[role]);
    select.disabled = select.options.length < 2;
  }
  const box = element("kept-columns");
  box.replaceChildren(...found.beside.map((column) => keeping(column, !mapping.leave_out.includes(column))));
  element("kept").hidden = !found.beside.length;
  layout.value = mapping.layout;
  header.checked = mapping.header;
  element("header-setting").hidden = !["csv", "tsv"].includes(mapping.layout);
}

/** @param {ImportPreview} found */
function show(found) {
  const fresh = found.usable - found.repeated - found.known;
  element("what").textContent = describe(found);
  element("new").textContent = count(fresh);
  element("known").textContent = count(found.known);
  element("repeated").textContent = count(found.repeated);
  element("bad").textContent = count(found.bad);
  const first = { number: count(found.rows) };
  const partial = gettext("These are the first %(number)s rows; the others are checked as they are stored.", first);
  say("partial", found.complete ? "" : partial);
  listProblems("problems", "problem-rows", "more-problems", found.problems, found.bad + found.unused);
  const headings = [gettext("Line"), gettext("Text"), gettext("More")];
  element("sample-rows").replaceChildren(...found.sample.map((one) => row(headings, String(one.line), shortened(one.text), details(one))));
  offerColumns(found);
  element("judgments-setting").hidden = !found.judgments;
  if (!found.judgments) judgments.checked = false;
  go.disabled = !found.usable;
  say("why-not", found.usable ? "" : gettext("No row can be used: is it the right column?"));
  if (!found.usable) element("columns", HTMLDetailsElement).open = true;
  offerPart();
  element("preview").hidden = false;
}

/** A judgment may have several rows, so that only texts are taken in part. */
function offerPart() {
  if (judgments.checked) taken.value = "all";
  taken.disabled = judgments.checked;
  takenNumber.hidden = taken.value === "all";
  takenNumber.disabled = takenNumber.hidden;
  takenNumber.required = !takenNumber.hidden;
}

/** @returns {Record<string, string>} */
const chosenColumns = () => Object.fromEntries(columns.map((select) => [select.dataset.column, select.value]));

/** @param {string} query @param {boolean} focus */
async function look(query, focus) {
  const mine = ++looks;
  const chosen = latest;
  const overtaken = () => mine !== looks || chosen !== latest;
  say("problem", "");
  try {
    /** @type {ImportPreview} */
    const found = await call("GET", `/imports/${id}${query}`);
    if (overtaken()) return;
    if (!found.rows) throw new ApiError(describe(found), 0);
    show(found);
    if (focus) element("preview-title").focus();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (overtaken()) return;
    go.disabled = true;
    say(element("preview").hidden ? "file-problem" : "problem", error.message);
  }
}

/** @param {boolean} sameColumns another layout has other columns: those are guessed anew */
function lookAgain(sameColumns) {
  const columnsAsked = sameColumns ? { ...chosenColumns(), leave_out: JSON.stringify(leftOut()) } : {};
  const asked = { layout: layout.value, header: header.checked ? "yes" : "no", ...columnsAsked };
  look(`?${new URLSearchParams(asked)}`, false);
}

/** @param {File} chosen */
async function take(chosen) {
  const mine = ++latest;
  file = chosen;
  id = null;
  say("file-problem", "");
  element("preview").hidden = element("result").hidden = true;
  element("file-name").textContent = chosen.name;
  source.value = chosen.name.slice(-200);
  const limit = Number(element("import").dataset.limit);
  if (chosen.size > limit) {
    const most = { name: chosen.name, most: limit / 1024 ** 3 };
    say("file-problem", gettext("%(name)s has more than the %(most)s GB that are accepted.", most));
    return;
  }
  const bar = element("sending-bar", HTMLProgressElement);
  element("sending").hidden = false;
  bar.value = 0;
  element("sending-text").textContent = gettext("Sending the file …");
  try {
    const sent = await upload(
      chosen,
      (share) => { if (mine === latest) bar.value = share; },
      (sentence) => { if (mine === latest) element("sending-text").textContent = sentence; },
      () => mine !== latest,
    );
    if (mine !== latest) return;
    id = sent;
    element("sending-text").textContent = gettext("Looking into it …");
    await look("", true);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (mine === latest) say("file-problem", error.message);
  } finally {
    if (mine === latest) element("sending").hidden = true;
  }
}

function forget() {
  latest++;
  if (id) call("DELETE", `/imports/${id}`).catch(() => {}); // it is removed after a day anyway
  id = file = null;
  const input = element("file", HTMLInputElement);
  input.value = "";
  element("file-name").textContent = gettext("Drop a file here, or choose one");
  element("preview").hidden = element("result").hidden = element("sending").hidden = true;
  input.focus();
}

/** @param {ImportProgress} progress */
function progressed(progress) {
  element("storing-bar", HTMLProgressElement).value = progress.fraction;
  element("stored").textContent = stored(progress);
  if (!progress.done) return;
  element("result-title").textContent = gettext("Imported");
  element("said").textContent = gettext("%(name)s is in the studio.", { name: source.value || (file?.name ?? "") });
  listProblems("refused", "refused-rows", "more-refused", progress.rejected ?? [], progress.rejected_count + progress.unused_count);
  element("after").hidden = false;
  element("preview").hidden = true;
  element("result-title").focus();
}

async function showFigures() {
  const page = new DOMParser().parseFromString(await (await fetch(location.pathname)).text(), "text/html");
  for (const part of ["main > .figures", "#past"]) {
    const fresh = page.querySelector(part);
    if (fresh) one(document, part, HTMLElement).replaceWith(fresh);
  }
}

/** @param {SubmitEvent} event */
async function run(event) {
  event.preventDefault();
  const wish = {
    layout: layout.value,
    header: header.checked,
    ...chosenColumns(),
    leave_out: leftOut(),
    source: source.value.trim(),
    priority_of_all: Number(element("priority_of_all", HTMLInputElement).value),
    overlap_of_all: overlap.value ? Number(overlap.value) : null,
    queue: element("queue", HTMLInputElement).checked,
    judgments: judgments.checked,
    rows: taken.value === "all" ? null : Number(takenNumber.value),
    at_random: taken.value === "random",
  };
  go.disabled = true;
  element("result-title").textContent = gettext("Importing …");
  element("result").hidden = false;
  element("after").hidden = element("refused").hidden = true;
  element("stored").textContent = element("said").textContent = "";
  element("storing-bar", HTMLProgressElement).value = 0;
  say("broken", "");
  say("problem", "");
  try {
    await store(String(id), wish, progressed);
    showFigures().catch(() => {}); // they are a page's load away in any case
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    element("result").hidden = true;
    say("problem", error.message);
  } finally {
    go.disabled = false;
  }
}

const goldForm = element("gold-form", HTMLFormElement);

/** @param {SubmitEvent} event */
async function addCheck(event) {
  event.preventDefault();
  const [text, gold, wrong] = ["gold-text", "gold-right", "gold-wrong"].map((name) => element(name, HTMLTextAreaElement).value);
  const check = { text, gold, gold_wrong: wrong.split("\n").filter((line) => line.trim()) };
  try {
    /** @type {ImportReport} */
    const report = await call("POST", "/prompts", [check]);
    const refused = report.rejected[0]?.reason;
    element("gold-said").textContent = refused
      ?? (report.added ? gettext("Added.") : gettext("That text waits in the queue already."));
    if (report.added) goldForm.reset();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    element("gold-said").textContent = error.message;
  }
}

for (const choice of [taken, judgments]) choice.addEventListener("change", offerPart);
// What is folded away cannot be pointed at: it is opened first.
element("preview").addEventListener("invalid", (event) => {
  const folded = around(event.target, "details");
  if (folded instanceof HTMLDetailsElement) folded.open = true;
}, true);
for (const select of columns) select.addEventListener("change", () => lookAgain(true));
for (const setting of [layout, header]) setting.addEventListener("change", () => lookAgain(false));
element("preview", HTMLFormElement).addEventListener("submit", run);
element("forget").addEventListener("click", forget);
element("next").addEventListener("click", forget);
goldForm.addEventListener("submit", addCheck);
element("take-pasted").addEventListener("click", () => {
  if (pasted.value.trim()) take(new File([pasted.value], "pasted texts.txt"));
  else pasted.focus();
});
onFile(take);
