// A tie: T, then the equally good ones, then Enter. Enter alone means all of them.

import { cards, textOf } from "./cards.js";
import { element } from "../page.js";

const bar = element("tie-bar");
let picked = null; // the picked cards, while a tie is being made
let save = () => {};

export const tying = () => picked !== null;

export function onTie(listener) {
  save = listener;
}

export function begin() {
  if (element("tie").disabled) return; // there are no two
  picked = new Set();
  bar.hidden = false;
  element("cards").classList.add("tying");
  show();
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

export function pick(card) {
  if (!picked.delete(card)) picked.add(card);
  show();
}

export function finish() {
  if (picked.size === 1) {
    element("tie-text").textContent = "A tie has at least two: pick another one, or none if all are equally good.";
    return;
  }
  const tied = cards.filter((card) => picked.has(card));
  leave();
  save(tied, tied.map(textOf));
}

function show() {
  for (const card of cards) {
    card.classList.toggle("tied", picked.has(card));
    card.setAttribute("aria-pressed", String(picked.has(card)));
  }
  const names = cards.filter((card) => picked.has(card)).map((card) => card.dataset.choice);
  element("tie-text").textContent = names.length > 1
    ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)} are equally good.`
    : "Pick the equally good ones with 1 2 3, then press Enter. Enter alone: all are equal.";
}

element("tie-save").addEventListener("click", finish);
element("tie-leave").addEventListener("click", leave);
