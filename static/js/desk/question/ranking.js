// An order of the cards: their keys, the best first. The last card follows by itself, so that two keys order three cards.
// Backspace takes the last one back; so does its card, pressed again.

import { gettext } from "../../shared/words.js";
import { cards } from "../gestures/cards.js";
import { say } from "../notices.js";

/** @type {HTMLButtonElement[]} */
let order = []; // the cards that have a place, the best first
/** @type {(ranked: HTMLButtonElement[]) => void} */
let save = () => {};

/** @param {typeof save} listener */
export function onRanking(listener) {
  save = listener;
}

export function begin() {
  order = [];
  show();
}

/** @param {HTMLButtonElement} card */
export function pick(card) {
  const place = order.indexOf(card);
  if (place >= 0) order.length = place; // what was ordered after it was ordered with it in mind
  else order.push(card);
  const left = cards.filter((one) => !one.hidden && !order.includes(one));
  if (left.length < 2) {
    save([...order, ...left]);
    return;
  }
  show();
  tell();
}

// Whether there was one to take back.
export function back() {
  if (!order.length) return false;
  order.pop();
  show();
  tell();
  return true;
}

function show() {
  for (const card of cards) {
    const place = order.indexOf(card) + 1;
    if (place) card.dataset.place = String(place);
    else delete card.dataset.place;
    if (place) card.setAttribute("aria-pressed", "true");
    else card.removeAttribute("aria-pressed");
  }
}

function tell() {
  const numbers = order.map((card) => card.dataset.choice).join(", ");
  say(numbers ? gettext("In order so far: %(numbers)s.", { numbers }) : gettext("Nothing is ordered yet."));
}
