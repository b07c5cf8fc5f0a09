// The Retrain form: what the run would train on as the form changes, what a preset says, and the queue as it moves.
// The form goes to the server as it is, which reads it here as it does when Retrain is pressed.

import { ApiError, call } from "../shared/api.js";
import { all, around, element, one, say } from "../shared/dom.js";
import { gettext } from "../shared/words.js";

/** @import { RunPreview } from "../types" */

const QUIET_MS = 250; // typing is over when nothing came for so long
const QUEUE_MS = 3000;
const form = element("retrain", HTMLFormElement);
let timer = 0;
let latest = 0; // a newer change makes the answers to older ones void

function filledIn() {
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(form)) fields.append(name, String(value));
  fields.delete("csrf_token"); // the request carries that of the present session
  return fields;
}

async function lookAhead() {
  const mine = ++latest;
  try {
    /** @type {RunPreview} */
    const found = await call("POST", "/training-runs/preview", filledIn());
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

/** @param {HTMLSelectElement} preset */
function showPreset(preset) {
  const { help = "", config = "{}" } = preset.selectedOptions[0].dataset;
  const fields = around(preset, ".of-method") ?? form;
  one(fields, "[data-preset-help]", HTMLElement).textContent = help;
  /** @type {Record<string, unknown>} */
  const values = JSON.parse(config);
  for (const field of all(fields, "[data-name]", HTMLElement)) {
    const { name = "", usual = "" } = field.dataset;
    const value = String(values[name] ?? usual);
    if (field instanceof HTMLSelectElement) field.options[0].textContent = gettext("usual: %(value)s", { value });
    else if (field instanceof HTMLInputElement) field.placeholder = value;
  }
}

/** Says what the button would do, also while the options are folded. */
function showChoice() {
  const chosen = new FormData(form).get("method");
  const fields = one(form, `[data-method="${chosen}"]`, HTMLElement);
  const selects = [one(fields, ".preset", HTMLSelectElement), one(form, "#parent_version", HTMLSelectElement)];
  const labels = selects.map((select) => select.selectedOptions[0].label);
  say("choice", [String(chosen).toUpperCase(), ...labels].join(" · "));
}

/** @param {Event} event */
function changed(event) {
  if (event.target instanceof HTMLSelectElement && event.target.classList.contains("preset")) showPreset(event.target);
  if (document.getElementById("choice")) showChoice();
  clearTimeout(timer);
  timer = setTimeout(lookAhead, event.type === "change" ? 0 : QUIET_MS);
}

if ("ask" in element("outlook").dataset) lookAhead(); // so many clicks that the page did not wait for their number
// Who is left out is ticked below the form, in fields that belong to it.
for (const kind of ["input", "change"]) {
  document.addEventListener(kind, (event) => {
    if (/** @type {HTMLInputElement} */ (event.target).form === form) changed(event);
  });
}

// The queue is drawn by the server; a focus within it stays where it is.
async function follow() {
  const queue = element("queue");
  const active = queue.querySelector('[data-active]:not([data-active="0"])');
  if (active && !document.hidden && !queue.contains(document.activeElement)) {
    const answer = await fetch(queue.dataset.source ?? "").catch(() => null);
    if (answer?.ok && !answer.redirected) queue.innerHTML = await answer.text(); // made by our own template, which escapes
  }
  setTimeout(follow, QUEUE_MS);
}

setTimeout(follow, QUEUE_MS);
