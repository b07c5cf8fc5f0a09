// Initial training: the file is checked by the server before anything can be started, and kept under its hash.

import { API, ApiError, call, refusal, root, send } from "../shared/api.js";
import { all, around, element, make, say } from "../shared/dom.js";
import { onFile } from "../shared/files.js";
import { count, shortened } from "../shared/text.js";
import { gettext } from "../shared/words.js";

/** @import { Dataset, Refused } from "../types" */

const TSV = "text/tab-separated-values";
const JSON_LINES = "application/x-ndjson";
/** @type {Record<string, string>} */
const TYPES = { tsv: TSV, tab: TSV, txt: TSV, csv: "text/csv", jsonl: JSON_LINES, ndjson: JSON_LINES };
const ANY = "application/octet-stream"; // its content tells the server what it is
const form = element("start", HTMLFormElement);
const go = element("go", HTMLButtonElement);
const base = element("base", HTMLSelectElement);
const otherModel = element("model_name_or_path", HTMLInputElement);
const columns = ["source_column", "target_column"].map((name) => element(name, HTMLInputElement));
/** @type {File | null} */
let file = null;
let dataset = form.dataset.dataset ?? null; // of the run that is asked for again
let latest = 0; // a newer choice of file makes the answers to older ones void

/** @param {...string} cells */
const row = (...cells) => make("tr", {}, ...cells.map((text) => make("td", {}, text)));

function allowStart() {
  go.disabled = !dataset;
  element("why-not").hidden = Boolean(dataset);
}

/** @param {Dataset} found */
function showProblems(found) {
  element("problems").hidden = !found.problem_count;
  element("problem-rows").replaceChildren(...found.problems.map(({ line, reason }) => row(String(line), reason)));
  const more = found.problem_count - found.problems.length;
  say("more-problems", more > 0 ? gettext("And %(number)s more: the run's log names the first 200.", { number: count(more) }) : "");
}

/** @param {Dataset["sample"]} pairs */
function showSample(pairs) {
  const headings = all(element("sample"), "th", HTMLElement).map((heading) => heading.textContent);
  element("sample-rows").replaceChildren();
  for (const pair of pairs) {
    const line = row(String(pair.line), shortened(pair.source), pair.references.map(shortened).join("\n"));
    [...line.cells].forEach((cell, place) => (cell.dataset.label = headings[place])); // shown where the table is narrow
    element("sample-rows").append(line);
  }
}

/** @param {Dataset} found */
function showPreview(found) {
  element("pairs").textContent = count(found.pairs);
  element("sources").textContent = count(found.sources);
  element("duplicates").textContent = count(found.duplicates);
  element("bad-rows").textContent = count(found.problem_count);
  element("notes").replaceChildren(...found.notes.map((note) => make("li", {}, note)));
  showProblems(found);
  showSample(found.sample);
  element("preview").hidden = false;
}

/**
 * How the rows of a file are laid out as far as its name says so; what they are packed in is told by the content.
 *
 * @param {string} name
 */
function typeOf(name) {
  const extension = /\.(\w+)$/.exec(name.toLowerCase().replace(/\.(gz|bz2|xz|zip)$/, ""))?.[1] ?? "";
  return TYPES[extension] ?? ANY;
}

// The columns that were named, by which of the two they are.
const named = () => columns.filter((input) => input.value.trim()).map((input) => [input.id, input.value.trim()]);

/**
 * @param {File} chosen
 * @returns {Promise<Dataset>}
 */
async function upload(chosen) {
  const limit = Number(form.dataset.limit);
  if (chosen.size > limit) {
    throw new ApiError(gettext("%(name)s has more than the %(limit)s MB that are accepted at once.", { name: chosen.name, limit: limit / 1048576 }), 0);
  }
  let response;
  try {
    // Read here first: a file that has changed since it was chosen fails in its own words.
    const body = await chosen.arrayBuffer();
    const address = `${API}/datasets?${new URLSearchParams(named())}`;
    response = await send(address, { method: "POST", headers: { "Content-Type": typeOf(chosen.name) }, body });
  } catch (error) {
    const unreadable = error instanceof DOMException;
    throw new ApiError(
      unreadable ? gettext("%(name)s cannot be read any more: choose it again.", { name: chosen.name }) : gettext("Mellow cannot be reached: try again in a moment."), 0,
    );
  }
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  throw refusal(response, answer);
}

async function check() {
  if (!file) return;
  const mine = ++latest;
  dataset = null;
  allowStart();
  element("file-name").textContent = file.name;
  say("data-problem", "");
  element("preview").hidden = true;
  element("checking").hidden = false;
  try {
    const found = await upload(file);
    if (mine !== latest) return;
    dataset = found.sha256;
    showPreview(found);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (mine === latest) say("data-problem", error.message);
  } finally {
    if (mine === latest) element("checking").hidden = true;
    allowStart();
  }
}

/** @param {HTMLInputElement | HTMLSelectElement} input */
function value(input) {
  if (input.dataset.setting === "boolean") return input instanceof HTMLInputElement && input.checked;
  return input.dataset.setting === "text" ? input.value : Number(input.value);
}

function config() {
  /** @type {Record<string, unknown>} */
  const wish = { dataset, ...Object.fromEntries(named()) };
  if (base.value === "other") wish.model_name_or_path = otherModel.value.trim();
  else if (base.value !== "embedded") wish.version = Number(base.value);
  for (const input of form.elements) {
    const setting = input instanceof HTMLInputElement || input instanceof HTMLSelectElement;
    if (setting && "setting" in input.dataset) wish[input.name] = value(input);
  }
  return wish;
}

/** @param {SubmitEvent} event */
async function start(event) {
  event.preventDefault();
  if (!dataset) return;
  go.disabled = true;
  say("problem", "");
  try {
    /** @type {{ id: number }} */
    const run = await call("POST", "/training-runs", { method: "sft", config: config() });
    location.assign(`${root}/admin/runs/${run.id}`);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    say("problem", error.message);
    go.disabled = false;
  }
}

function chooseBase() {
  const other = base.value === "other";
  element("other-setting").hidden = !other;
  otherModel.required = other;
}

base.addEventListener("change", chooseBase);
for (const input of columns) input.addEventListener("change", check);
// A hidden setting that is out of bounds would stop the form without a word: open what hides it.
form.addEventListener("invalid", (event) => around(event.target, "details")?.setAttribute("open", ""), true);
form.addEventListener("submit", start);
chooseBase();
if (dataset) element("file-name").textContent = form.dataset.datasetName ?? "";
allowStart();
onFile((chosen) => {
  file = chosen;
  check();
});
