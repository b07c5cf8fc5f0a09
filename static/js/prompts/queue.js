// The queue: a number is stored as soon as it is changed, and what became of it is said below the filter.

import { ApiError, call } from "../shared/api.js";

const said = document.getElementById("said");
const bulk = document.getElementById("bulk");

async function change(path, values, sentence) {
  try {
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

function show(line, prompt) {
  line.querySelector("[data-state]").textContent = prompt.state;
  const judged = line.querySelector("[data-judged]");
  if (judged) judged.textContent = `${prompt.judged_by} of ${prompt.wanted}`;
  for (const input of line.querySelectorAll("[data-field]")) input.value = input.defaultValue = prompt[input.dataset.field] ?? "";
  const button = line.querySelector("[data-place]");
  const label = prompt.queued ? "Take out" : "Put in";
  button.dataset.place = prompt.queued ? "out" : "in";
  button.textContent = label;
  button.setAttribute("aria-label", `${label}: prompt ${prompt.id}`);
  line.classList.toggle("gone", !prompt.queued);
}

async function changeOne(line, values, what) {
  const prompt = await change(`/prompts/${line.dataset.prompt}`, values, () => what);
  if (prompt) show(line, prompt);
  return prompt;
}

async function changeNumber(input) {
  const line = input.closest("[data-prompt]");
  const name = input.dataset.field;
  if (!input.checkValidity()) {
    said.textContent = `The ${name} must be a whole number from ${input.min} to ${input.max}.`;
    said.classList.add("refused");
    input.value = input.defaultValue;
    return;
  }
  const value = input.value === "" ? null : Number(input.value);
  const saved = await changeOne(line, { [name]: value }, `The ${name} of prompt ${line.dataset.prompt} is saved.`);
  if (!saved) input.value = input.defaultValue;
}

async function changeAll(values) {
  for (const button of bulk.querySelectorAll("button")) button.disabled = true;
  const some = (number) => `${number.toLocaleString("en")} ${number === 1 ? "prompt is" : "prompts are"} changed.`;
  const answer = await change(`/prompts?${bulk.dataset.query}`, values, (found) => some(found.changed));
  if (answer) {
    sessionStorage.setItem("said", said.textContent); // said again once the page shows how it is now
    location.reload();
  } else {
    for (const button of bulk.querySelectorAll("button")) button.disabled = false;
  }
}

for (const input of document.querySelectorAll("[data-field]")) input.addEventListener("change", () => changeNumber(input));
for (const button of document.querySelectorAll("[data-place]")) {
  button.addEventListener("click", () => {
    const line = button.closest("[data-prompt]");
    const queued = button.dataset.place === "in";
    changeOne(line, { queued }, `Prompt ${line.dataset.prompt} is ${queued ? "in the queue" : "out of the queue"}.`);
  });
}
for (const form of bulk?.querySelectorAll("form") ?? []) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const value = form.querySelector("input").value;
    changeAll({ [form.dataset.change]: value === "" ? null : Number(value) });
  });
}
for (const button of bulk?.querySelectorAll("[data-queued]") ?? []) {
  button.addEventListener("click", () => changeAll({ queued: button.dataset.queued === "true" }));
}
said.textContent = sessionStorage.getItem("said") ?? "";
sessionStorage.removeItem("said");
