// Answers on the desk while they are written: plain text that grows, in places that keep their size.

import { element } from "../../shared/dom.js";
import { cards, enable, lay } from "../gestures/cards.js";
import * as editor from "../gestures/editor.js";
import * as reasons from "../gestures/reasons.js";
import * as tie from "../gestures/tie.js";
import * as foreign from "../look/foreign.js";
import { reveal } from "../look/view.js";
import * as notices from "../notices.js";
import { desk } from "../page.js";
import * as examples from "../tour/examples.js";
import * as conversation from "./conversation.js";
import * as folds from "./folds.js";
import { written } from "./stream.js";

/** @import { Kind, Written } from "./stream.js" */

const table = element("cards");
const text = element("text", HTMLTextAreaElement);
const COUNT = desk.dataset.question === "best_of_two" ? 2 : 3;
/** @type {object | null} */
let following = null; // what is shown while it is written
/** @type {Written | null} */
let begun = null; // of what it is shown already

// Whether what is on the desk is still being written.
export const writing = () => begun !== null;

/**
 * Shows what is written until the work is done, or something else is shown.
 *
 * @template Value
 * @param {Kind} kind
 * @param {Promise<Value>} work
 */
export async function follow(kind, work) {
  const own = {};
  following = own;
  begun = null;
  const paint = () => {
    if (following !== own) return;
    const now = written(kind);
    if (now?.text) show(now);
    requestAnimationFrame(paint);
  };
  requestAnimationFrame(paint); // what is there already is shown whole
  try {
    const found = await work;
    if (found === null && following === own && leave()) element("screen").hidden = true; // others took the prompt
    return found;
  } catch (error) {
    if (following === own && leave()) element("screen").hidden = true;
    throw error;
  } finally {
    if (following === own) following = null;
  }
}

// Whether what was shown was still being written.
export function leave() {
  const was = writing();
  following = begun = null;
  table.ariaBusy = null;
  return was;
}

/** @param {Written} now */
function show(now) {
  if (begun !== now) begin(now);
  cards.forEach((card, number) => {
    const place = element(`answer-${card.dataset.choice}`);
    place.classList.add("plain-text");
    const answer = now.answers[number] ?? "";
    if (place.textContent !== answer) place.textContent = answer;
  });
}

/** @param {Written} now */
function begin(now) {
  const within = element("screen").contains(document.activeElement);
  begun = now;
  tie.leave();
  editor.leave();
  reasons.leave();
  notices.beside(null);
  foreign.greet({ id: 0, looks_like: null });
  examples.offer(false);
  element("note").hidden = element("drained").hidden = true;
  lay({ ...now, candidates: Array.from({ length: COUNT }, () => ({ id: 0, text: "" })) });
  enable(false);
  element("screen").hidden = false;
  if (within) element("source").focus({ preventScroll: true }); // the button that had it is not there any more
  conversation.show(now.system, now.turns);
  reveal(false);
  table.ariaBusy = "true";
  table.classList.add("watched");
  folds.begin();
  if (document.activeElement === text && !text.value) text.blur(); // or a key that comes too early would be typed
}
