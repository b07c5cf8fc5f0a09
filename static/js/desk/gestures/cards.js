// The cards: a rewrite each, what differs from the source, how much longer or shorter it is.

import { differences } from "../../shared/diff.js";
import { all, element, make, one } from "../../shared/dom.js";
import { size } from "../../shared/text.js";
import { given } from "../page.js";

/** @import { Piece } from "../../shared/diff.js" */
/** @import { Screen } from "../../types" */

const slots = all(element("cards"), ".slot", HTMLElement);
export const cards = slots.map((slot) => one(slot, ".choice", HTMLButtonElement));
const source = element("source");

/** @type {Screen | null} */
let shown = null; // the screen that is on the cards
let marked = given("diff");

/** @param {Screen} screen */
export function lay(screen) {
  shown = screen;
  source.textContent = screen.text;
  cards.forEach((card, index) => {
    const candidate = screen.candidates[index];
    slots[index].hidden = card.hidden = !candidate;
    card.classList.remove("chosen", "passed", "tied");
    card.removeAttribute("aria-pressed");
    card.dataset.candidate = String(candidate?.id ?? "");
    one(slots[index], ".length", HTMLElement).textContent = candidate ? lengths(candidate.text, screen.text) : "";
  });
  enable(true);
  write();
}

/** @param {boolean} yes */
export function enable(yes) {
  for (const card of cards) card.disabled = !yes;
  for (const button of all(document, "#verdicts button, .edit", HTMLButtonElement)) button.disabled = !yes;
}

/**
 * A screen that is judged and stays in view, until another text is typed.
 *
 * @param {HTMLButtonElement[]} chosen
 */
export function settle(chosen) {
  enable(false);
  for (const card of cards) {
    card.classList.toggle("chosen", chosen.includes(card));
    card.classList.toggle("passed", !chosen.includes(card));
  }
}

/** @param {HTMLButtonElement} card */
export function textOf(card) {
  return shown?.candidates[cards.indexOf(card)]?.text ?? "";
}

/** @param {boolean} yes */
export function mark(yes) {
  marked = yes;
  write();
}

function write() {
  for (const card of cards) {
    const text = textOf(card);
    const parts = shown && marked && text ? differences(shown.text, text).flatMap(drawn) : [text];
    one(card, ".choice-text", HTMLElement).replaceChildren(...parts);
  }
}

/**
 * The words that are gone are drawn by the style sheet, so that the card's text is the rewrite and nothing else: that is
 * what is read aloud and what is copied. Blanks around a change are not marked.
 *
 * @param {Piece} piece
 * @returns {(string | HTMLElement)[]}
 */
function drawn([kind, text]) {
  if (kind === "same") return [text];
  const words = text.trim();
  const begin = words ? text.indexOf(words) : text.length;
  const [head, tail] = [text.slice(0, begin), text.slice(begin + words.length)];
  if (kind === "new") return [head, make("ins", {}, words), tail];
  return [gone("", head), gone("gone", words), gone("", tail)].filter((node) => node.dataset.words);
}

/** @param {string} name @param {string} words */
const gone = (name, words) => make("span", { className: `drawn ${name}`, "data-words": words, "aria-hidden": "true" });

/** @param {string} text @param {string} before */
function lengths(text, before) {
  const more = size(text) - size(before);
  if (!more) return "as long as the source";
  const share = Math.round((100 * Math.abs(more)) / size(before));
  return `${Math.abs(more)} ${more > 0 ? "longer" : "shorter"} (${more > 0 ? "+" : "−"}${share} %)`;
}
