// The queue: a number is stored as soon as it is changed, and what became of it is said below the filter.

import { ApiError, call } from "../shared/api.js";
import { all, around, element, one } from "../shared/dom.js";
import { watchRows } from "../shared/rows.js";
import { count } from "../shared/text.js";
import { gettext, ngettext } from "../shared/words.js";

/** @import { Prompt } from "../types" */

/** @type {Record<string, string>} */
const STATES = {
  waiting: gettext("waiting"),
  begun: gettext("begun"),
  done: gettext("done"),
  skipped: gettext("skipped"),
  out: gettext("out"),
  "attention check": gettext("attention check"),
};
const said = element("said");
const bulk = document.getElementById("bulk"); // where no prompt is found, there is none

/**
 * @template Answer
 * @param {string} path
 * @param {Record<string, number | boolean | null>} values
 * @param {(answer: Answer) => string} sentence
 * @returns {Promise<Answer | null>}
 */
async function change(path, values, sentence) {
  try {
    /** @type {Answer} */
    const answer = await call("PATCH", path, values);
    said.textContent = sentence(answer);
    said.classList.remove("refused");
    return answer;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    said.textContent = error.message;
    said.classList.add("refused");
    return null;
  }
}

/** @param {HTMLElement} line @param {Prompt} prompt */
function show(line, prompt) {
  one(line, "[data-state]", HTMLElement).textContent = STATES[prompt.state];
  const judged = line.querySelector("[data-judged]");
  if (judged) judged.textContent = gettext("%(part)s of %(whole)s", { part: prompt.judged_by, whole: prompt.wanted });
  for (const input of all(line, "[data-field]", HTMLInputElement)) {
    const number = input.dataset.field === "priority" ? prompt.priority : prompt.overlap;
    input.value = input.defaultValue = String(number ?? "");
  }
  const button = one(line, "[data-place]", HTMLButtonElement);
  const label = prompt.queued ? gettext("Take out") : gettext("Put in");
  button.dataset.place = prompt.queued ? "out" : "in";
  button.textContent = label;
  button.setAttribute("aria-label", gettext("%(action)s: prompt %(id)s", { action: label, id: prompt.id }));
  line.classList.toggle("gone", !prompt.queued);
}

/** @param {HTMLElement} line @param {Record<string, number | boolean | null>} values @param {string} what */
async function changeOne(line, values, what) {
  /** @type {Prompt | null} */
  const prompt = await change(`/prompts/${line.dataset.prompt}`, values, () => what);
  if (prompt) show(line, prompt);
  return prompt;
}

/** @param {HTMLElement} inner */
function lineOf(inner) {
  const line = around(inner, "[data-prompt]");
  if (!line) throw new Error("The page has a control of a prompt outside its line.");
  return line;
}

/** @param {HTMLInputElement} input */
async function changeNumber(input) {
  const line = lineOf(input);
  const { field: name = "" } = input.dataset;
  if (!input.checkValidity()) {
    const bounds = { least: count(Number(input.min)), most: count(Number(input.max)) };
    said.textContent =
      name === "priority"
        ? gettext("The priority must be a whole number from %(least)s to %(most)s.", bounds)
        : gettext("The overlap must be a whole number from %(least)s to %(most)s.", bounds);
    said.classList.add("refused");
    input.value = input.defaultValue;
    return;
  }
  const value = input.value === "" ? null : Number(input.value);
  const id = line.dataset.prompt ?? "";
  const sentence =
    name === "priority"
      ? gettext("The priority of prompt %(id)s is saved.", { id })
      : gettext("The overlap of prompt %(id)s is saved.", { id });
  const saved = await changeOne(line, { [name]: value }, sentence);
  if (!saved) input.value = input.defaultValue;
}

/** @param {HTMLElement} form @param {Record<string, number | boolean | null>} values */
async function changeAll(form, values) {
  const buttons = all(form, "button", HTMLButtonElement);
  for (const button of buttons) button.disabled = true;
  /** @param {number} number */
  const some = (number) => ngettext("%(number)s prompt is changed.", "%(number)s prompts are changed.", number, { number: count(number) });
  /** @type {{ changed: number } | null} */
  const answer = await change(`/prompts?${form.dataset.query}`, values, (found) => some(found.changed));
  if (answer) {
    sessionStorage.setItem("said", said.textContent); // said again once the page shows how it is now
    location.reload();
  } else {
    for (const button of buttons) button.disabled = false;
  }
}

for (const input of all(document, "[data-field]", HTMLInputElement)) input.addEventListener("change", () => changeNumber(input));
for (const button of all(document, "[data-place]", HTMLButtonElement)) {
  button.addEventListener("click", () => {
    const line = lineOf(button);
    const queued = button.dataset.place === "in";
    const id = line.dataset.prompt ?? "";
    const placed = queued
      ? gettext("Prompt %(id)s is in the queue.", { id })
      : gettext("Prompt %(id)s is out of the queue.", { id });
    changeOne(line, { queued }, placed);
  });
}
if (bulk) {
  for (const form of all(bulk, "form", HTMLFormElement)) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { value } = one(form, "input", HTMLInputElement);
      changeAll(bulk, { [form.dataset.change ?? ""]: value === "" ? null : Number(value) });
    });
  }
  for (const button of all(bulk, "[data-queued]", HTMLButtonElement)) {
    button.addEventListener("click", () => changeAll(bulk, { queued: button.dataset.queued === "true" }));
  }
}
watchRows();
said.textContent = sessionStorage.getItem("said") ?? "";
sessionStorage.removeItem("said");
