// How the desk looks: differences marked, texts blurred, the keys explained. What a person decides is remembered.

import { all, element } from "../../shared/dom.js";
import { printed } from "../../shared/keys.js";
import { gettext } from "../../shared/words.js";
import { mark } from "../gestures/cards.js";
import { desk, given } from "../page.js";
import { store } from "../settings.js";

/** @import { DeskSettings } from "../../types" */

const helpBox = element("help", HTMLDialogElement);
const revealLabel = element("reveal").firstChild; // before the name of its key

let blurred = given("blur");
let warned = given("warned");
let marked = given("diff");

/** @param {DeskSettings} settings */
function remember(settings) {
  store(settings).catch(() => {}); // it holds for this page at least
}

export function toggleDiff() {
  marked = !marked;
  element("diff").ariaPressed = String(marked);
  mark(marked);
  remember({ diff: marked });
}

export function toggleBlur() {
  blurred = !blurred;
  veil();
  remember({ blur: blurred });
}

// Until the content warning was answered, texts are veiled whatever else holds.
function veil() {
  desk.classList.toggle("veiled", blurred || !warned);
  element("blur").ariaPressed = String(blurred);
  element("warning").hidden = warned;
  reveal(false);
}

export function reveal(yes = !desk.classList.contains("revealed")) {
  desk.classList.toggle("revealed", yes);
  element("reveal").ariaPressed = String(yes);
  if (revealLabel) revealLabel.textContent = `${yes ? gettext("Hide") : gettext("Show")} `;
}

/** @param {boolean} blur */
function answer(blur) {
  remember(blur === blurred ? { warned: true } : { warned: true, blur });
  warned = true;
  blurred = blur;
  veil();
  (element("screen").hidden ? element("text") : element("source")).focus();
}

export function help() {
  helpBox.showModal();
  nameKeys();
}

// A keyboard without Latin letters has others on the same keys. Browsers that know them are asked each time, since a keyboard
// may be changed; where they know nothing or may not say, the Latin letters stay.
async function nameKeys() {
  const layout = await navigator.keyboard?.getLayoutMap().catch(() => null);
  if (!layout) return;
  for (const key of all(helpBox, "kbd[data-letter]", HTMLElement)) key.textContent = printed(key.dataset.letter ?? "", layout);
}

// Texts and buttons that are reached with Tab must not end up under what stays in view.
const heights = new ResizeObserver(() => {
  document.documentElement.style.setProperty("--above", `${element("source-bar").offsetHeight}px`);
  document.documentElement.style.setProperty("--below", `${element("desk-foot").offsetHeight}px`);
  document.documentElement.style.setProperty("--bar", `${element("verdicts").offsetHeight}px`);
});
heights.observe(element("source-bar"));
heights.observe(element("desk-foot"));
heights.observe(element("verdicts"));

element("diff").addEventListener("click", toggleDiff);
element("blur").addEventListener("click", toggleBlur);
element("reveal").addEventListener("click", () => reveal());
element("warning-show").addEventListener("click", () => answer(false));
element("warning-blur").addEventListener("click", () => answer(true));
element("help-open").addEventListener("click", help);
for (const id of ["help-close", "tour-again"]) element(id).addEventListener("click", () => helpBox.close());
veil();
