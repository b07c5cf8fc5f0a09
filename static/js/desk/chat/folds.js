// Long answers are cut at the same line, and shown to their end all at once, so that they can be compared.

import { all, around, element, one } from "../../shared/dom.js";

const SLACK = 2; // lines that are not worth a fold
const WRITTEN = 0; // stands for the screen that is being written, which has no id yet
const table = element("cards");
const slots = all(table, ".slot", HTMLElement);
/** @type {Set<number>} */
const unfolded = new Set(); // the screens whose answers are shown to their end
let shown = WRITTEN;

// Answers begin to be written.
export function begin() {
  unfolded.delete(WRITTEN);
  greet(WRITTEN);
}

/** @param {number} id of a screen, which stays as it was while it was written */
export function greet(id) {
  if (shown === WRITTEN && unfolded.has(WRITTEN)) unfolded.add(id);
  shown = id;
  measure();
}

export function toggle() {
  if (!unfolded.delete(shown)) unfolded.add(shown);
  measure();
}

function measure() {
  const open = unfolded.has(shown);
  table.classList.toggle("unfolded", open);
  for (const slot of slots) {
    const text = one(slot, ".choice-text", HTMLElement);
    const style = getComputedStyle(text);
    const most = Number(style.getPropertyValue("--fold")) + SLACK;
    const long = height(text) > most * parseFloat(style.lineHeight);
    slot.classList.toggle("long", long);
    const button = one(slot, ".unfold", HTMLButtonElement);
    button.hidden = !long;
    button.ariaExpanded = String(open);
  }
}

/** @param {HTMLElement} text whose place may be higher than what is in it */
function height(text) {
  const all = document.createRange();
  all.selectNodeContents(text);
  return all.getBoundingClientRect().height;
}

for (const slot of slots) one(slot, ".unfold", HTMLButtonElement).addEventListener("click", toggle);
// A link below the fold that is reached with Tab.
table.addEventListener("focusin", ({ target }) => {
  if (!around(target, ".long > .choice-text") || unfolded.has(shown)) return;
  toggle();
  if (target instanceof Element) target.scrollIntoView({ block: "nearest" });
});
new ResizeObserver(measure).observe(table);
