// Imports: the file is sent, the server says what is in it, and nothing is stored before Import is pressed.

import { ApiError, call } from "../shared/api.js";
import { store, upload } from "./upload.js";
import { make } from "../shared/dom.js";

const LONGEST_SHOWN = 400;
const FROM_FORMAT = "@prompt";
const element = (id) => document.getElementById(id);
const columns = [...document.querySelectorAll("[data-column]")];
let file = null;
let id = null;
let latest = 0; // a newer choice of file makes the answers to older ones void

const count = (number) => number.toLocaleString("en");
const some = (number, one, several) => `${count(number)} ${number === 1 ? one : several}`;
const shortened = (text) => (text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)} …` : text);

function say(name, sentence) {
  element(name).textContent = sentence;
  element(name).hidden = !sentence;
}

function row(headings, ...cells) {
  return make("tr", {}, ...cells.map((text, place) => {
    const cell = make("td", { "data-label": headings[place] }, ...[text].flat());
    return cell;
  }));
}

function listProblems(box, rows, more, problems, all) {
  element(box).hidden = !all;
  element(rows).replaceChildren(...problems.map((problem) => row(["Line", "Why"], String(problem.line), problem.reason)));
  say(more, all > problems.length ? `And ${count(all - problems.length)} more.` : "");
}

function details(one) {
  const parts = [];
  if (one.priority) parts.push(`Priority ${one.priority}`);
  if (one.overlap) parts.push(`Overlap ${one.overlap}`);
  if (one.gold) parts.push(`Right: ${shortened(one.gold)}`);
  for (const wrong of one.gold_wrong) parts.push(`Wrong: ${shortened(wrong)}`);
  for (const chosen of one.chosen) parts.push(`Chosen: ${shortened(chosen)}`);
  return parts.join("\n") || "–";
}

function offerColumns(found, mapping) {
  for (const select of columns) {
    const name = select.dataset.column;
    const options = found.columns.map((column) => new Option(column, column));
    if (name !== "text") options.unshift(new Option("none", ""));
    else if (found.format && found.format !== "prompt" && found.format !== "pairs") options.unshift(new Option("the prompt of this format", FROM_FORMAT));
    if (name === "text" && !options.length) options.push(new Option("the whole line", ""));
    select.replaceChildren(...options);
    select.value = mapping[name];
    select.disabled = options.length < 2;
  }
  element("layout").value = mapping.layout;
  element("header").checked = mapping.header;
  element("header-setting").hidden = !["csv", "tsv"].includes(mapping.layout);
}

function describe(found) {
  const rows = some(found.rows, "row", "rows");
  if (!found.rows) return "The file holds no rows.";
  const parts = [found.found.what ? `${rows}, in a form that is known: ${found.found.what}.` : `${rows}.`];
  if (found.judgments) parts.push(`${some(found.judgments, "row says", "rows say")} which answer was chosen and which was rejected.`);
  if (found.gold) parts.push(`${some(found.gold, "row is an attention check", "rows are attention checks")}.`);
  return parts.join(" ");
}

function show(found) {
  const fresh = found.usable - found.repeated - found.known;
  element("what").textContent = describe(found);
  element("new").textContent = count(fresh);
  element("known").textContent = count(found.known);
  element("repeated").textContent = count(found.repeated);
  element("bad").textContent = count(found.bad);
  say("partial", found.complete ? "" : `These are the first ${count(found.rows)} rows; the others are checked as they are stored.`);
  listProblems("problems", "problem-rows", "more-problems", found.problems, found.bad);
  const headings = ["Line", "Text", "More"];
  element("sample-rows").replaceChildren(...found.sample.map((one) => row(headings, String(one.line), shortened(one.text), details(one))));
  offerColumns(found.found, found.mapping);
  element("judgments-setting").hidden = !found.judgments;
  if (!found.judgments) element("judgments").checked = false;
  element("go").disabled = !found.usable;
  say("why-not", found.usable ? "" : "No row can be used: is it the right column?");
  element("preview").hidden = false;
}

function mapping() {
  const chosen = Object.fromEntries(columns.map((select) => [select.dataset.column, select.value]));
  return { layout: element("layout").value, header: element("header").checked, ...chosen };
}

async function look(query, focus) {
  const mine = latest;
  say("problem", "");
  try {
    const found = await call("GET", `/imports/${id}${query}`);
    if (mine !== latest) return;
    show(found);
    if (focus) element("preview-title").focus();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (mine !== latest) return;
    element("go").disabled = true;
    say(element("preview").hidden ? "file-problem" : "problem", error.message);
  }
}

function lookAgain(event) {
  const { layout, header, ...chosen } = mapping();
  const query = new URLSearchParams({ layout, header: header ? "yes" : "no" });
  // Another layout has other columns: those are guessed anew.
  if (event.target.dataset.column) for (const [name, column] of Object.entries(chosen)) query.set(name, column);
  look(`?${query}`, false);
}

async function take(chosen) {
  const mine = ++latest;
  file = chosen;
  id = null;
  say("file-problem", "");
  element("preview").hidden = element("result").hidden = true;
  element("file-name").textContent = file.name;
  element("source").value = file.name.slice(-200);
  const limit = Number(element("import").dataset.limit);
  if (file.size > limit) {
    say("file-problem", `${file.name} has more than the ${limit / 1024 ** 3} GB that are accepted.`);
    return;
  }
  element("sending").hidden = false;
  element("sending-bar").value = 0;
  element("sending-text").textContent = "Sending the file …";
  try {
    const sent = await upload(
      file,
      (share) => mine === latest && (element("sending-bar").value = share),
      (sentence) => mine === latest && (element("sending-text").textContent = sentence),
      () => mine !== latest,
    );
    if (mine !== latest) return;
    id = sent;
    element("sending-text").textContent = "Looking into it …";
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
  element("file").value = "";
  element("file-name").textContent = "Drop a file here, or choose one";
  element("preview").hidden = element("result").hidden = element("sending").hidden = true;
  element("file").focus();
}

function progressed(progress) {
  element("storing-bar").value = progress.fraction;
  const parts = [`${some(progress.rows, "row", "rows")} read`, `${count(progress.added)} new in the queue`, `${count(progress.duplicates)} there already`, `${count(progress.rejected_count)} not usable`];
  if (progress.judgments) parts.push(some(progress.judgments, "judgment taken over", "judgments taken over"));
  element("stored").textContent = `${parts.join(" · ")}.`;
  if (!progress.done) return;
  element("result-title").textContent = "Imported";
  element("said").textContent = `${element("source").value || file.name} is in the studio.`;
  listProblems("refused", "refused-rows", "more-refused", progress.rejected, progress.rejected_count);
  element("after").hidden = false;
  element("preview").hidden = true;
  element("result-title").focus();
}

async function showFigures() {
  const page = new DOMParser().parseFromString(await (await fetch(location.pathname)).text(), "text/html");
  const figures = page.querySelector("main > .figures");
  if (figures) document.querySelector("main > .figures").replaceWith(figures);
}

async function run(event) {
  event.preventDefault();
  const wish = {
    ...mapping(),
    source: element("source").value.trim(),
    priority_of_all: Number(element("priority_of_all").value),
    overlap_of_all: element("overlap_of_all").value ? Number(element("overlap_of_all").value) : null,
    queue: element("queue").checked,
    judgments: element("judgments").checked,
  };
  element("go").disabled = true;
  element("result-title").textContent = "Importing …";
  element("result").hidden = false;
  element("after").hidden = element("refused").hidden = true;
  element("stored").textContent = element("said").textContent = "";
  element("storing-bar").value = 0;
  say("broken", "");
  say("problem", "");
  try {
    await store(id, wish, progressed);
    showFigures().catch(() => {}); // they are a page's load away in any case
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    element("result").hidden = true;
    say("problem", error.message);
  } finally {
    element("go").disabled = false;
  }
}

async function addCheck(event) {
  event.preventDefault();
  const wrong = element("gold-wrong").value.split("\n").filter((line) => line.trim());
  const check = { text: element("gold-text").value, gold: element("gold-right").value, gold_wrong: wrong };
  try {
    const report = await call("POST", "/prompts", [check]);
    const refused = report.rejected[0]?.reason;
    element("gold-said").textContent = refused ?? (report.added ? "Added." : "That text waits in the queue already.");
    if (report.added) event.target.reset();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    element("gold-said").textContent = error.message;
  }
}

for (const select of [...columns, element("layout"), element("header")]) select.addEventListener("change", lookAgain);
element("preview").addEventListener("submit", run);
element("forget").addEventListener("click", forget);
element("next").addEventListener("click", forget);
element("gold-form").addEventListener("submit", addCheck);
element("take-pasted").addEventListener("click", () => {
  if (element("pasted").value.trim()) take(new File([element("pasted").value], "pasted texts.txt"));
  else element("pasted").focus();
});
element("file").addEventListener("change", (event) => event.target.files.length && take(event.target.files[0]));
for (const kind of ["dragenter", "dragover"]) {
  element("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    element("drop").classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) element("drop").addEventListener(kind, () => element("drop").classList.remove("over"));
element("drop").addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
});
if (element("file").files.length) take(element("file").files[0]); // chosen before this script was there
