// A comment for colleagues, which goes with whatever is said of the screen.

import { asked, leaves, sends } from "../../shared/keys.js";

/** @import { Press } from "../../shared/keys.js" */

const KEYS = new Map([["c", true]]);
const found = document.getElementById("comment");
const field = found instanceof HTMLInputElement ? found : null; // none where no comments are asked for
/** @type {() => void} */
let changed = () => {};

/** @param {typeof changed} listener */
export function onChange(listener) {
  changed = listener;
}

/** @param {string} words */
export function begin(words) {
  if (!field) return;
  field.value = words;
  field.disabled = false;
}

export function end() {
  if (!field) return;
  field.value = "";
  field.disabled = true;
}

export const text = () => field?.value.trim() ?? "";

/** @param {Press} press */
export const opens = (press) => field !== null && asked(press, KEYS) !== null;

export function open() {
  field?.focus();
  return true;
}

/**
 * Enter and Esc lead back to the cards; what was typed stays.
 *
 * @param {KeyboardEvent} event
 */
export function leave(event) {
  if (!field || event.target !== field || !(sends(event) || leaves(event))) return false;
  field.blur();
  return true;
}

field?.addEventListener("input", () => changed());
