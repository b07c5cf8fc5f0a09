// The cards: a rewrite each, plainly; what differs from the source shows at the card that is pointed at, or at all of them.

import { differences } from "../../shared/diff.js";
import { all, around, element, make, one } from "../../shared/dom.js";
import { size } from "../../shared/text.js";
import { gettext } from "../../shared/words.js";
import { answering, given } from "../page.js";

/** @import { Piece } from "../../shared/diff.js" */
/** @import { Screen } from "../../types" */

const MUCH_SHORTER = 0.5; // of the source's length; below it, something of the meaning is probably gone
const MUCH_LONGER = 1.5;
const hovers = matchMedia("(hover: hover)").matches; // else a browser may say that a finger points where it last was
const table = element("cards");
const slots = all(table, ".slot", HTMLElement);
export const cards = slots.map((slot) => one(slot, ".choice", HTMLButtonElement));
const source = element("source");

/** @typedef {Pick<Screen, "text" | "candidates">} Texts */

/** @type {Texts | null} */
let shown = null; // the screen that is on the cards

/** @param {Texts} screen */
export function lay(screen) {
  shown = screen;
  cards.forEach((card, index) => {
    const candidate = screen.candidates[index];
    slots[index].hidden = card.hidden = !candidate;
    card.classList.remove("chosen", "passed", "tied");
    card.removeAttribute("aria-pressed");
    card.dataset.candidate = String(candidate?.id ?? "");
    one(slots[index], ".length", HTMLElement).textContent = candidate ? lengths(candidate.text, screen.text) : "";
    one(slots[index], ".choice-text", HTMLElement).replaceChildren(...pieces(candidate?.text ?? "").flatMap(inCard));
  });
  enable(true);
  point(hovers ? pointedAt() : null);
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
  table.classList.toggle("marked", yes);
}

// The card that has the focus or is under the pointer.
export const pointedAt = () => around(document.activeElement, ".slot") ?? around(document.querySelector(".slot:hover"), ".slot");

/**
 * Marks in the source what the rewrite of a slot leaves out, and nothing where no slot is pointed at.
 *
 * @param {HTMLElement | null} slot
 */
function point(slot) {
  const card = slot?.querySelector(".choice"); // none where a text of one's own is written
  const text = card instanceof HTMLButtonElement && !answering ? textOf(card) : "";
  source.replaceChildren(...(text ? pieces(text).flatMap(inSource) : [shown?.text ?? ""]));
}

/** @param {string} text @returns {Piece[]} */
const pieces = (text) => (!shown ? [] : answering ? [["same", text]] : differences(shown.text, text));

/** @param {Piece} piece @returns {(string | HTMLElement)[]} */
const inSource = ([kind, text]) => (kind === "new" ? [] : kind === "same" ? [text] : within("left-out", text));

/**
 * The words that are gone are drawn by the style sheet, so that the card's text is the rewrite and nothing else: that is
 * what is read aloud and what is copied.
 *
 * @param {Piece} piece
 * @returns {(string | HTMLElement)[]}
 */
function inCard([kind, text]) {
  if (kind === "same") return [text];
  if (kind === "new") return within("new", text);
  const [head, words, tail] = trimmed(text);
  return [gone("", head), gone("gone", words), gone("", tail)].filter((node) => node.dataset.words);
}

/**
 * A changed text, marked but for the blanks around it.
 *
 * @param {string} name @param {string} text @returns {(string | HTMLElement)[]}
 */
function within(name, text) {
  const [head, words, tail] = trimmed(text);
  return [head, make("span", { className: name }, words), tail];
}

/** @param {string} text @returns {[head: string, words: string, tail: string]} */
function trimmed(text) {
  const words = text.trim();
  const begin = words ? text.indexOf(words) : text.length;
  return [text.slice(0, begin), words, text.slice(begin + words.length)];
}

/** @param {string} name @param {string} words */
const gone = (name, words) => make("span", { className: `drawn ${name}`, "data-words": words, "aria-hidden": "true" });

/**
 * How much longer or shorter a rewrite is, where that is so much that it tells of the meaning; else nothing.
 *
 * @param {string} text @param {string} before
 */
function lengths(text, before) {
  const share = answering ? 1 : size(text) / size(before);
  if (share >= MUCH_SHORTER && share <= MUCH_LONGER) return "";
  const by = { share: `${Math.round(100 * Math.abs(share - 1))} %` };
  return share > 1 ? gettext("%(share)s longer", by) : gettext("%(share)s shorter", by);
}

for (const reached of hovers ? ["pointerover", "focusin"] : ["focusin"]) {
  table.addEventListener(reached, ({ target }) => point(around(target, ".slot")));
}
for (const left of hovers ? ["pointerout", "focusout"] : ["focusout"]) table.addEventListener(left, () => point(null));
mark(given("diff"));
