// The cards: a rewrite each, what differs from the source, how much longer or shorter it is.

import { differences } from "../../shared/diff.js";
import { desk, element } from "../page.js";

export const cards = [...document.querySelectorAll(".choice")];
const slots = cards.map((card) => card.closest(".slot"));
const source = element("source");

let shown = null; // the screen that is on the cards
let marked = JSON.parse(desk.dataset.diff);

export function lay(screen) {
  shown = screen;
  source.textContent = screen.text;
  cards.forEach((card, index) => {
    const candidate = screen.candidates[index];
    slots[index].hidden = card.hidden = !candidate;
    card.classList.remove("chosen", "passed", "tied");
    card.removeAttribute("aria-pressed");
    card.dataset.candidate = candidate?.id ?? "";
    slots[index].querySelector(".length").textContent = candidate ? lengths(candidate.text, screen.text) : "";
  });
  enable(true);
  write();
}

export function enable(yes) {
  for (const card of cards) card.disabled = !yes;
  for (const button of document.querySelectorAll("#verdicts button, .edit")) button.disabled = !yes;
}

// A screen that is judged and stays in view, until another text is typed.
export function settle(chosen) {
  enable(false);
  for (const card of cards) {
    card.classList.toggle("chosen", chosen.includes(card));
    card.classList.toggle("passed", !chosen.includes(card));
  }
}

export function textOf(card) {
  return shown.candidates[cards.indexOf(card)].text;
}

export function mark(yes) {
  marked = yes;
  if (shown) write();
}

function write() {
  cards.forEach((card, index) => {
    const text = shown.candidates[index]?.text ?? "";
    const place = card.querySelector(".choice-text");
    place.replaceChildren(...(marked && text ? differences(shown.text, text).flatMap(pieces) : [text]));
  });
}

// The words that are gone are drawn by the style sheet, so that the card's text is the rewrite and nothing else: that is
// what is read aloud and what is copied. Blanks around a change are not marked.
function pieces([kind, text]) {
  if (kind === "same") return [document.createTextNode(text)];
  const [, head, words, tail] = /^(\s*)(.*?)(\s*)$/s.exec(text);
  if (kind === "gone") return [drawn("", head), drawn("gone", words), drawn("", tail)].filter(Boolean);
  const fresh = document.createElement("ins");
  fresh.textContent = words;
  return [head, fresh, tail];
}

function drawn(name, words) {
  if (!words) return null;
  const node = document.createElement("span");
  node.className = `drawn ${name}`;
  node.dataset.words = words;
  node.ariaHidden = "true";
  return node;
}

const length = (text) => [...text].length;

function lengths(text, before) {
  const more = length(text) - length(before);
  if (!more) return "as long as the source";
  const share = Math.round((100 * Math.abs(more)) / length(before));
  return `${Math.abs(more)} ${more > 0 ? "longer" : "shorter"} (${more > 0 ? "+" : "−"}${share} %)`;
}
