// Skip and flag, at once or with a reason.

import { all, element } from "../../shared/dom.js";
import { leaves } from "../../shared/keys.js";

/** @typedef {"skip" | "flag"} Kind */

/** @type {Kind[]} */
const KINDS = ["skip", "flag"];
/** @param {Kind} kind */
const form = (kind) => element(`${kind}-form`);
/** @param {Kind} kind */
const field = (kind) => element(`${kind}-reason`, HTMLInputElement);
/** @type {(kind: Kind, reason: string) => void} */
let save = () => {};

/** @param {typeof save} listener */
export function onReason(listener) {
  save = listener;
}

/** @param {Kind} kind */
export function ask(kind) {
  leave();
  form(kind).hidden = false;
  element(`${kind}-why`).ariaExpanded = "true";
  field(kind).focus();
}

/**
 * What the page calls a reason that it offers; any other is called as it was typed.
 *
 * @param {string} reason
 */
export function called(reason) {
  const button = all(document, ".reasons button", HTMLButtonElement).find((one) => one.dataset.reason === reason);
  return button?.textContent ?? reason;
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

/** @param {Kind} kind @param {string} reason */
function send(kind, reason) {
  leave();
  field(kind).value = "";
  save(kind, reason.trim());
}

for (const kind of KINDS) {
  element(`${kind}-why`).addEventListener("click", () => { if (form(kind).hidden) ask(kind); else leave(); });
  form(kind).addEventListener("submit", (event) => { event.preventDefault(); send(kind, field(kind).value); });
  form(kind).addEventListener("keydown", (event) => { if (leaves(event)) leave(); });
  form(kind).addEventListener("click", ({ target }) => {
    if (!(target instanceof HTMLElement)) return;
    if (target.dataset.reason) send(kind, target.dataset.reason);
    if ("leave" in target.dataset) leave();
  });
}
