// The Retrain form: what the run would train on as the form changes, what a preset says, and the queue as it moves.

import { ApiError, call } from "../shared/api.js";

const form = document.getElementById("retrain");
const element = (id) => document.getElementById(id);
const QUIET_MS = 250; // typing is over when nothing came for so long
const QUEUE_MS = 3000;
let timer = 0;
let latest = 0; // a newer change makes the answers to older ones void

const method = () => form.elements.method.value;
const part = (name) => form.querySelector(`.of-method[data-method="${name}"]`);

function number(text) {
  return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

function value(kind, text) {
  if (kind === "bool") return text === "yes";
  if (kind === "choice") return text;
  if (kind === "names" || kind === "numbers") {
    const parts = text.split(",").map((one) => one.trim()).filter(Boolean);
    return kind === "names" ? parts : parts.map(number);
  }
  return number(text);
}

function presetOf(fields) {
  const select = fields.querySelector(".preset");
  return { name: select.value, option: select.selectedOptions[0] };
}

function config(fields) {
  const { name, option } = presetOf(fields);
  const wish = name === "seed" ? { preset: name } : { ...JSON.parse(option.dataset.config) };
  for (const input of fields.querySelectorAll("[data-name]")) {
    if (input.value.trim()) wish[input.dataset.name] = value(input.dataset.kind, input.value.trim());
  }
  return wish;
}

function ticked(name) {
  return [...form.querySelectorAll(`input[name="${name}"]:checked`)].map((input) => input.value);
}

function wish() {
  const selection = { people: ticked("people").map(Number), sources: ticked("sources") };
  for (const name of ["from_day", "to_day"]) if (element(name).value) selection[name] = element(name).value;
  if (element("min_agreement").value) selection.min_agreement = Number(element("min_agreement").value);
  const body = { method: method(), config: config(part(method())), selection };
  if (element("parent_version").value) body.parent_version = Number(element("parent_version").value);
  return body;
}

function say(id, sentence) {
  if (element(id).textContent !== sentence) element(id).textContent = sentence;
  element(id).hidden = !sentence;
}

async function lookAhead() {
  const mine = ++latest;
  try {
    const found = await call("POST", "/training-runs/preview", wish());
    if (mine !== latest) return;
    say("summary", found.summary);
    say("duration", found.duration);
    say("not-possible", "");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (mine !== latest) return;
    say("summary", "");
    say("duration", "");
    say("not-possible", error.message);
  }
}

function showPreset(fields) {
  const { option } = presetOf(fields);
  fields.querySelector("[data-preset-help]").textContent = option.dataset.help;
  const values = JSON.parse(option.dataset.config);
  for (const input of fields.querySelectorAll("[data-name]")) {
    const usual = values[input.dataset.name] ?? input.dataset.usual;
    if (input.tagName === "SELECT") input.options[0].textContent = `usual: ${usual}`;
    else input.placeholder = usual;
  }
}

function changed(event) {
  if (event.target.classList.contains("preset")) showPreset(part(method()));
  clearTimeout(timer);
  timer = setTimeout(lookAhead, event.type === "change" ? 0 : QUIET_MS);
}

if ("ask" in element("outlook").dataset) lookAhead(); // so many clicks that the page did not wait for their number
form.addEventListener("input", changed);
form.addEventListener("change", changed);

// The queue is drawn by the server; a focus within it stays where it is.
async function follow() {
  const queue = element("queue");
  const active = queue.querySelector("[data-active]")?.dataset.active !== "0";
  if (active && !document.hidden && !queue.contains(document.activeElement)) {
    const answer = await fetch(queue.dataset.source).catch(() => null);
    if (answer?.ok && !answer.redirected) queue.innerHTML = await answer.text(); // made by our own template, which escapes
  }
  setTimeout(follow, QUEUE_MS);
}

setTimeout(follow, QUEUE_MS);
