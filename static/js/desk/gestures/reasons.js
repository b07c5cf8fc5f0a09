// Skip and flag, at once or with a reason.

import { element } from "../page.js";

const KINDS = ["skip", "flag"];
const form = (kind) => element(`${kind}-form`);
const field = (kind) => element(`${kind}-reason`);
let save = () => {};

export function onReason(listener) {
  save = listener;
}

export function ask(kind) {
  leave();
  form(kind).hidden = false;
  element(`${kind}-why`).ariaExpanded = "true";
  field(kind).focus();
}

// What was typed stays in the field: only sending empties it.
export function leave() {
  for (const kind of KINDS) {
    if (form(kind).hidden) continue;
    const within = form(kind).contains(document.activeElement);
    form(kind).hidden = true;
    element(`${kind}-why`).ariaExpanded = "false";
    if (within) element(`${kind}-why`).focus();
  }
}

function send(kind, reason) {
  leave();
  field(kind).value = "";
  save(kind, reason.trim());
}

for (const kind of KINDS) {
  element(`${kind}-why`).addEventListener("click", () => { if (form(kind).hidden) ask(kind); else leave(); });
  form(kind).addEventListener("submit", (event) => { event.preventDefault(); send(kind, field(kind).value); });
  form(kind).addEventListener("keydown", (event) => { if (event.key === "Escape") leave(); });
  form(kind).addEventListener("click", (event) => {
    if (event.target.dataset.reason) send(kind, event.target.dataset.reason);
    if ("leave" in event.target.dataset) leave();
  });
}
