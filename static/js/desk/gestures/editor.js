// Edit to make it right: a card becomes a text box in its own place. What is typed is a draft until it is saved.

import { all, around, element } from "../../shared/dom.js";
import { leaves, sends } from "../../shared/keys.js";
import { size } from "../../shared/text.js";
import { gettext } from "../../shared/words.js";
import { Drawer } from "../drawer.js";
import { longest, person } from "../page.js";
import { cards } from "./cards.js";
import { Drafts } from "./drafts.js";

/** @import { Shown } from "../screens.js" */

const form = element("editor", HTMLFormElement);
const box = element("edited", HTMLTextAreaElement);
const own = element("own");

export const drafts = new Drafts(new Drawer(localStorage, "draft", person));
/** @type {{ screen: Shown, slot: number, begun: string } | null} */
let open = null; // what is being edited; slot 0 is a text of one's own
/** @type {(text: string, slot: number) => void} */
let save = () => {};

/** @param {typeof save} listener */
export function onSave(listener) {
  save = listener;
}

/**
 * Slot 0 begins empty, slots 1 to 3 with the text of that card, or each with its draft.
 *
 * @param {Shown} screen
 * @param {number} slot
 */
export function edit(screen, slot) {
  const candidate = screen.candidates[slot - 1];
  if (slot && !candidate) return;
  leave();
  const begun = candidate?.text ?? "";
  const draft = drafts.of(screen.id).texts[slot];
  open = { screen, slot, begun };
  place(slot);
  box.value = draft ?? begun;
  element("edited-label").textContent = slot
    ? gettext("Rewrite %(number)s, as it should be", { number: slot })
    : gettext("Your own rewrite");
  element("edited-kept").textContent = draft === undefined ? "" : gettext("Your draft is back.");
  element("edited-problem").textContent = "";
  form.hidden = false;
  remember();
  box.focus({ preventScroll: true });
  form.scrollIntoView({ block: "nearest" });
  box.setSelectionRange(box.value.length, box.value.length);
}

/** @param {number} slot @returns {HTMLElement | null} */
const editButton = (slot) => document.querySelector(`[data-edit="${slot}"]`);

/** @param {number} slot */
function place(slot) {
  const card = cards[slot - 1];
  (around(card ?? null, ".slot") ?? own).prepend(form);
  own.hidden = Boolean(card);
  if (card) card.hidden = true;
  editButton(slot)?.setAttribute("hidden", "");
}

// Esc: the text box goes, the draft stays.
export function leave() {
  if (!open) return;
  const { screen, slot, begun } = open;
  const within = form.contains(document.activeElement);
  drafts.keep(screen.id, slot, box.value === begun ? null : box.value, false);
  close(slot);
  if (within) (editButton(slot) ?? element("write")).focus({ preventScroll: true });
  announce(screen);
}

/** @param {number} slot */
function close(slot) {
  const card = cards[slot - 1];
  if (card) card.hidden = false;
  editButton(slot)?.removeAttribute("hidden");
  form.hidden = own.hidden = true;
  element("screen").append(form);
  open = null;
}

function remember() {
  if (open) drafts.keep(open.screen.id, open.slot, box.value, true);
}

/**
 * A screen comes: with its drafts, if it has any, and open where it was left open.
 *
 * @param {Shown} screen
 */
export function greet(screen) {
  announce(screen);
  const { open: slot } = drafts.of(screen.id);
  if (slot !== null) edit(screen, slot);
}

/** @param {Shown} screen */
function announce(screen) {
  const { texts } = drafts.of(screen.id);
  for (const button of all(document, ".edit", HTMLButtonElement)) {
    const slot = Number(button.dataset.edit);
    const kept = texts[slot] !== undefined;
    button.textContent = kept ? gettext("Edit draft") : gettext("Edit");
    button.ariaLabel = kept
      ? gettext("Edit the draft of rewrite %(number)s", { number: slot })
      : gettext("Edit rewrite %(number)s", { number: slot });
  }
  element("write").classList.toggle("has-draft", texts[0] !== undefined);
}

/** @param {string} text @param {Shown} screen */
function complaint(text, screen) {
  if (!text) return gettext("There is no text yet.");
  const length = size(text);
  if (length > longest) {
    return gettext("%(over)s characters too long: %(length)s of %(most)s.", { over: length - longest, length, most: longest });
  }
  if (text === screen.text) return gettext("This is the text as it is: leave with Esc and press A for Already fine.");
  const number = screen.candidates.findIndex((candidate) => candidate.text === text) + 1;
  if (!number) return "";
  return gettext("This is rewrite %(number)s as it stands: change it, or leave with Esc and press %(number)s.", { number });
}

/** @param {Event} event */
function submit(event) {
  event.preventDefault();
  if (!open) return;
  const { screen, slot } = open;
  const text = box.value.trim();
  const problem = complaint(text, screen);
  element("edited-problem").textContent = problem;
  if (problem) return;
  close(slot);
  drafts.drop(screen.id);
  save(text, slot);
}

form.addEventListener("submit", submit);
box.addEventListener("input", () => {
  remember();
  element("edited-problem").textContent = "";
  element("edited-kept").textContent = gettext("The draft is kept.");
});
box.addEventListener("keydown", (event) => {
  if (sends(event)) submit(event);
  if (leaves(event)) leave();
});
element("edited-leave").addEventListener("click", leave);
