// Initial training: the file is checked by the server before anything can be started, and kept under its hash.

import { ApiError, call, send } from "../shared/api.js";

const TYPES = { tsv: "text/tab-separated-values", txt: "text/tab-separated-values", csv: "text/csv", jsonl: "application/x-ndjson", ndjson: "application/x-ndjson" };
const LONGEST_SHOWN = 500;
const element = (id) => document.getElementById(id);
const form = element("start");
let file = null;
let dataset = form.dataset.dataset ?? null; // of the run that is asked for again
let latest = 0; // a newer choice of file makes the answers to older ones void

function say(id, sentence) {
  element(id).textContent = sentence;
  element(id).hidden = !sentence;
}

function count(number) {
  return number.toLocaleString("en");
}

function shortened(text) {
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)} …` : text;
}

function row(...cells) {
  const line = document.createElement("tr");
  for (const text of cells) {
    const cell = document.createElement("td");
    cell.textContent = text;
    line.append(cell);
  }
  return line;
}

function allowStart() {
  element("go").disabled = !dataset;
  element("why-not").hidden = Boolean(dataset);
}

function showProblems(found) {
  element("problems").hidden = !found.problem_count;
  element("problem-rows").replaceChildren(...found.problems.map((problem) => row(problem.line, problem.reason)));
  const more = found.problem_count - found.problems.length;
  say("more-problems", more > 0 ? `And ${count(more)} more: the run's log names the first 200.` : "");
}

function showSample(pairs) {
  const headings = [...element("sample").querySelectorAll("th")].map((heading) => heading.textContent);
  element("sample-rows").replaceChildren();
  for (const pair of pairs) {
    const line = row(pair.line, shortened(pair.source), pair.references.map(shortened).join("\n"));
    [...line.cells].forEach((cell, place) => (cell.dataset.label = headings[place])); // shown where the table is narrow
    element("sample-rows").append(line);
  }
}

function showPreview(found) {
  element("pairs").textContent = count(found.pairs);
  element("sources").textContent = count(found.sources);
  element("duplicates").textContent = count(found.duplicates);
  element("bad-rows").textContent = count(found.problem_count);
  element("notes").replaceChildren(...found.notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
  showProblems(found);
  showSample(found.sample);
  element("preview").hidden = false;
}

async function upload() {
  const extension = file.name.includes(".") ? file.name.split(".").pop().toLowerCase() : "";
  if (!(extension in TYPES)) throw new ApiError(`${file.name} must end in .tsv, .csv or .jsonl, which tells how to read it.`, 0);
  const limit = Number(form.dataset.limit);
  if (file.size > limit) throw new ApiError(`${file.name} has more than the ${limit / 1048576} MB that are accepted at once.`, 0);
  const columns = new URLSearchParams();
  for (const name of ["source_column", "target_column"]) {
    if (element(name).value.trim()) columns.set(name, element(name).value.trim());
  }
  let response;
  try {
    // Read here first: a file that has changed since it was chosen fails in its own words.
    const body = await file.arrayBuffer();
    response = await send(`/api/v1/datasets?${columns}`, { method: "POST", headers: { "Content-Type": TYPES[extension] }, body });
  } catch (error) {
    const unreadable = error instanceof DOMException;
    throw new ApiError(unreadable ? `${file.name} cannot be read any more: choose it again.` : "Mellow cannot be reached: try again in a moment.", 0);
  }
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  throw new ApiError(answer?.detail ?? "Something went wrong on the server.", response.status);
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
    const found = await upload();
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

function config() {
  const wish = { dataset };
  const base = element("base").value;
  if (base === "other") wish.model_name_or_path = element("model_name_or_path").value.trim();
  else if (base !== "embedded") wish.version = Number(base);
  for (const name of ["source_column", "target_column"]) {
    if (element(name).value.trim()) wish[name] = element(name).value.trim();
  }
  for (const input of form.querySelectorAll("[data-setting]")) {
    const kind = input.dataset.setting;
    wish[input.name] = kind === "boolean" ? input.checked : kind === "text" ? input.value : Number(input.value);
  }
  return wish;
}

async function start(event) {
  event.preventDefault();
  if (!dataset) return;
  element("go").disabled = true;
  say("problem", "");
  try {
    const run = await call("POST", "/training-runs", { method: "sft", config: config() });
    location.assign(`/admin/runs/${run.id}`);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    say("problem", error.message);
    element("go").disabled = false;
  }
}

function chooseBase() {
  const other = element("base").value === "other";
  element("other-setting").hidden = !other;
  element("model_name_or_path").required = other;
}

function take(files) {
  if (!files.length) return;
  file = files[0];
  check();
}

element("base").addEventListener("change", chooseBase);
element("file").addEventListener("change", (event) => take(event.target.files));
for (const name of ["source_column", "target_column"]) element(name).addEventListener("change", check);
for (const kind of ["dragenter", "dragover"]) {
  element("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    element("drop").classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) element("drop").addEventListener(kind, () => element("drop").classList.remove("over"));
element("drop").addEventListener("drop", (event) => {
  event.preventDefault();
  take(event.dataTransfer.files);
});
// A hidden setting that is out of bounds would stop the form without a word: open what hides it.
form.addEventListener("invalid", (event) => event.target.closest("details")?.setAttribute("open", ""), true);
form.addEventListener("submit", start);
chooseBase();
if (dataset) element("file-name").textContent = form.dataset.datasetName;
allowStart();
take(element("file").files); // chosen before this script was there, or kept by a reload
