// Ratings and tags of the cards. R begins with the first card: 1 to 5 rate it and lead to the next one, letters put tags on
// it or take them off, arrows lead to another card; R, Enter or Esc end it. Each has a button, too.

import { all, around, element } from "../../shared/dom.js";
import { asked, leaves } from "../../shared/keys.js";
import { gettext } from "../../shared/words.js";
import { say } from "../notices.js";

/** @import { Press } from "../../shared/keys.js" */
/** @import { Remark, Screen } from "../../types" */

const LETTERS = "abcdefghijklmnopqstu"; // without that of the key that ends it
const STEPS = new Map([["ArrowRight", 1], ["ArrowDown", 1], ["ArrowLeft", -1], ["ArrowUp", -1]]);
const table = element("cards");
const places = all(table, ".remark", HTMLElement); // none where neither ratings nor tags are asked for
const rates = places.length > 0 && places[0].querySelector("[data-rate]") !== null;
const tags = places.length ? all(places[0], "[data-tag]", HTMLElement).map(({ dataset }) => dataset.tag ?? "") : [];
const OPEN = new Map([["r", true]]);
/** @type {Map<string, string>} */
const KEYS = new Map([["r", "leave"], ...[..."12345"].map(same), ...[...LETTERS].map(same)]);
/** @type {number[]} */
let ids = []; // of the candidates shown
/** @type {Map<number, { rating?: number, tags: string[] }>} */
let marks = new Map();
/** @type {number | null} */
let at = null; // the place of the card that the keys are about
/** @type {() => void} */
let changed = () => {};

/** @param {string} name @returns {[string, string]} */
function same(name) {
  return [name, name];
}

/** @param {typeof changed} listener */
export function onChange(listener) {
  changed = listener;
}

/** @param {Screen} screen @param {Remark[]} known */
export function begin(screen, known) {
  ids = screen.candidates.map(({ id }) => id);
  marks = new Map(known.map(({ candidate_id, rating, tags: names }) => [candidate_id, { rating, tags: [...names ?? []] }]));
  leave();
  enable(true);
  show();
}

export function end() {
  leave();
  enable(false);
}

/** @returns {Remark[]} */
export function said() {
  return ids.flatMap((id) => {
    const { rating, tags: names = [] } = marks.get(id) ?? {};
    if (!rating && !names.length) return [];
    return [{ candidate_id: id, ...(rating ? { rating } : {}), ...(names.length ? { tags: names } : {}) }];
  });
}

export const active = () => at !== null;

/** @param {Press} press */
export const opens = (press) => places.length > 0 && ids.length > 0 && asked(press, OPEN) !== null;

export function open() {
  go(0);
  return true;
}

export function leave() {
  if (at === null) return;
  at = null;
  mark();
}

/**
 * Whether the press is one of those that are about a card. Letters are, whatever they mean elsewhere on the desk.
 *
 * @param {KeyboardEvent} press
 */
export function press(press) {
  if (at === null) return false;
  const step = STEPS.get(press.key);
  const command = step === undefined ? asked(press, KEYS)?.command : undefined;
  if (step !== undefined) go(Math.min(ids.length - 1, Math.max(0, at + step)));
  else if (command === "leave" || leaves(press)) leave();
  else if (press.key === "Enter" && !around(press.target, "button")) leave();
  else if (command === undefined) return false;
  else if (/[1-5]/.test(command)) digit(Number(command), at);
  else if (tags[LETTERS.indexOf(command)] !== undefined) tag(at, tags[LETTERS.indexOf(command)]);
  return true;
}

/** @param {number} number @param {number} place */
function digit(number, place) {
  if (!rates) {
    if (number <= ids.length) go(number - 1);
    return;
  }
  rate(place, number);
  if (place + 1 < ids.length) go(place + 1);
  else if (!tags.length) leave();
}

/** @param {number} place */
function go(place) {
  at = place;
  mark();
  say(gettext("About rewrite %(number)s.", { number: place + 1 }));
}

function mark() {
  table.classList.toggle("remarking", at !== null);
  places.forEach((box, place) => box.classList.toggle("active", place === at));
}

/** @param {number} place */
function of(place) {
  const found = marks.get(ids[place]) ?? { tags: [] };
  marks.set(ids[place], found);
  return found;
}

/** @param {number} place @param {number} rating */
function rate(place, rating) {
  const found = of(place);
  found.rating = found.rating === rating ? undefined : rating;
  const figures = { number: place + 1, rating };
  say(found.rating ? gettext("Rewrite %(number)s: %(rating)s of 5.", figures) : gettext("Rewrite %(number)s: no rating.", figures));
  show();
  changed();
}

/** @param {number} place @param {string} name */
function tag(place, name) {
  const found = of(place);
  const on = !found.tags.includes(name);
  found.tags = on ? [...found.tags, name] : found.tags.filter((one) => one !== name);
  const figures = { number: place + 1, tag: name };
  say(on ? gettext("Rewrite %(number)s: %(tag)s.", figures) : gettext("Rewrite %(number)s: not %(tag)s.", figures));
  show();
  changed();
}

function show() {
  places.forEach((box, place) => {
    const { rating, tags: names = [] } = marks.get(ids[place]) ?? {};
    for (const button of all(box, "[data-rate]", HTMLElement)) pressed(button, Number(button.dataset.rate) === rating);
    for (const button of all(box, "[data-tag]", HTMLElement)) pressed(button, names.includes(button.dataset.tag ?? ""));
  });
}

/** @param {HTMLElement} button @param {boolean} yes */
const pressed = (button, yes) => button.setAttribute("aria-pressed", String(yes));

/** @param {boolean} yes */
function enable(yes) {
  for (const button of all(table, ".remark button", HTMLButtonElement)) button.disabled = !yes;
}

places.forEach((box, place) => box.addEventListener("click", ({ target }) => {
  const button = around(target, "button");
  if (button?.dataset.rate) rate(place, Number(button.dataset.rate));
  if (button?.dataset.tag) tag(place, button.dataset.tag);
}));
for (const box of places) {
  all(box, "[data-tag] kbd", HTMLElement).forEach((key, place) => { key.textContent = LETTERS[place].toUpperCase(); });
}
