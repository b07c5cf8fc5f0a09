// A tie: T, then the equally good ones, then Enter. Enter alone means all of them.

import { element } from "../../shared/dom.js";
import { gettext } from "../../shared/words.js";
import { cards, textOf } from "./cards.js";

const bar = element("tie-bar");
const button = element("tie", HTMLButtonElement);
/** @type {Set<HTMLButtonElement> | null} */
let picked = null; // the picked cards, while a tie is being made
/** @type {(tied: HTMLButtonElement[], texts: string[]) => void} */
let save = () => {};

export const tying = () => picked !== null;

/** @param {typeof save} listener */
export function onTie(listener) {
  save = listener;
}

export function begin() {
  if (button.disabled) return; // there are no two
  picked = new Set();
  bar.hidden = false;
  element("cards").classList.add("tying");
  show(picked);
}

export function leave() {
  if (!picked) return;
  picked = null;
  bar.hidden = true;
  element("cards").classList.remove("tying");
  for (const card of cards) {
    card.classList.remove("tied");
    card.removeAttribute("aria-pressed");
  }
}

/** @param {HTMLButtonElement} card */
export function pick(card) {
  if (!picked) return;
  if (!picked.delete(card)) picked.add(card);
  show(picked);
}

export function finish() {
  if (!picked) return;
  if (picked.size === 1) {
    element("tie-text").textContent = gettext("A tie has at least two: pick another one, or none if all are equally good.");
    return;
  }
  const tied = inOrder(picked);
  leave();
  save(tied, tied.map(textOf));
}

/** @param {Set<HTMLButtonElement>} some */
const inOrder = (some) => cards.filter((card) => some.has(card));

/** @param {Set<HTMLButtonElement>} some */
function show(some) {
  for (const card of cards) {
    card.classList.toggle("tied", some.has(card));
    card.setAttribute("aria-pressed", String(some.has(card)));
  }
  const names = inOrder(some).map((card) => card.dataset.choice);
  element("tie-text").textContent = names.length > 1
    ? gettext("%(some)s and %(last)s are equally good.", { some: names.slice(0, -1).join(", "), last: names.at(-1) ?? "" })
    : gettext("Pick the equally good ones with 1 2 3, then press Enter. Enter alone: all are equal.");
}

element("tie-save").addEventListener("click", finish);
element("tie-leave").addEventListener("click", leave);
