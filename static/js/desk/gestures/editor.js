// Edit to make it right: a card becomes a text box in its own place. What is typed is a draft until it is saved.

import { draftsOf, dropDrafts, keepDraft } from "./drafts.js";
import { cards } from "./cards.js";
import { desk, element, size } from "../page.js";

const form = element("editor");
const box = element("edited");
const own = element("own");
const longest = Number(desk.dataset.longest);

let open = null; // {screen, slot, begun}: what is being edited; slot 0 is a text of one's own
let save = () => {};

export const editing = () => open !== null;

export function onSave(listener) {
  save = listener;
}

// Slot 0 begins empty, slots 1 to 3 with the text of that card, or each with its draft.
export function edit(screen, slot) {
  if (slot && !screen.candidates[slot - 1]) return;
  leave();
  const begun = slot ? screen.candidates[slot - 1].text : "";
  const draft = draftsOf(screen.id).texts[slot];
  open = { screen, slot, begun };
  place(slot);
  box.value = draft ?? begun;
  element("edited-label").textContent = slot ? `Rewrite ${slot}, as it should be` : "Your own rewrite";
  element("edited-kept").textContent = draft === undefined ? "" : "Your draft is back.";
  element("edited-problem").textContent = "";
  form.hidden = false;
  remember();
  box.focus({ preventScroll: true });
  form.scrollIntoView({ block: "nearest" });
  box.setSelectionRange(box.value.length, box.value.length);
}

function place(slot) {
  const card = cards[slot - 1];
  (card ? card.closest(".slot") : own).prepend(form);
  own.hidden = Boolean(card);
  if (card) card.hidden = true;
  document.querySelector(`[data-edit="${slot}"]`)?.setAttribute("hidden", "");
}

// Esc: the text box goes, the draft stays.
export function leave() {
  if (!open) return;
  const { screen, slot } = open;
  const within = form.contains(document.activeElement);
  remember();
  keepDraft(screen.id, slot, box.value === open.begun ? null : box.value, false);
  close();
  if (within) (document.querySelector(`[data-edit="${slot}"]`) ?? element("write")).focus({ preventScroll: true });
  announce(screen);
}

function close() {
  const card = cards[open.slot - 1];
  if (card) card.hidden = false;
  document.querySelector(`[data-edit="${open.slot}"]`)?.removeAttribute("hidden");
  form.hidden = own.hidden = true;
  element("screen").append(form);
  open = null;
}

function remember() {
  if (open) keepDraft(open.screen.id, open.slot, box.value, true);
}

// A screen comes: with its drafts, if it has any, and open where it was left open.
export function greet(screen) {
  announce(screen);
  const { open: slot } = draftsOf(screen.id);
  if (slot !== null) edit(screen, slot);
}

function announce(screen) {
  const { texts } = draftsOf(screen.id);
  for (const button of document.querySelectorAll(".edit")) {
    const kept = texts[button.dataset.edit] !== undefined;
    button.textContent = kept ? "Edit draft" : "Edit";
    button.ariaLabel = kept ? `Edit the draft of rewrite ${button.dataset.edit}` : `Edit rewrite ${button.dataset.edit}`;
  }
  element("write").classList.toggle("has-draft", texts[0] !== undefined);
}

function complaint(text) {
  if (!text) return "There is no text yet.";
  const length = size(text);
  if (length > longest) return `${length - longest} characters too long: ${length} of ${longest}.`;
  const same = open.screen.candidates.findIndex((candidate) => candidate.text === text);
  return same < 0 ? "" : `This is rewrite ${same + 1} as it stands: change it, or leave with Esc and press ${same + 1}.`;
}

function submit(event) {
  event.preventDefault();
  if (!open) return;
  const text = box.value.trim();
  const problem = complaint(text);
  element("edited-problem").textContent = problem;
  if (problem) return;
  const { screen, slot } = open;
  close();
  dropDrafts(screen.id);
  save(text, slot);
}

form.addEventListener("submit", submit);
box.addEventListener("input", () => {
  remember();
  element("edited-problem").textContent = "";
  element("edited-kept").textContent = "The draft is kept.";
});
box.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
  if (event.key === "Escape") leave();
});
element("edited-leave").addEventListener("click", leave);
