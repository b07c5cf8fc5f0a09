// The desk of a chat model: conversations, three answers that are read while they are written, and the next message. The desk
// loads it only in projects whose task is answering. Its keys come before those of the desk, which leave alone what is done.

import { all, element, typing } from "../../shared/dom.js";
import { asked, modified, sends } from "../../shared/keys.js";
import { gettext } from "../../shared/words.js";
import { cards, textOf } from "../gestures/cards.js";
import { always, meaning } from "../gestures/presses.js";
import * as notices from "../notices.js";
import * as screens from "../screens.js";
import * as conversation from "./conversation.js";
import * as folds from "./folds.js";
import { goOn } from "./followup.js";
import * as live from "./live.js";
import "./sentences.js";
import { post } from "./stream.js";

/** @import { Shown } from "../screens.js" */

export { back, begin, offer, turns } from "./followup.js";
export { follow } from "./live.js";

/** @type {Map<string, () => unknown>} */
const KEYS = new Map([["a", folds.toggle], ["m", goOn]]);
const text = element("text", HTMLTextAreaElement);

/** @param {Shown} screen */
export function greet(screen) {
  const watched = live.leave();
  element("cards").classList.toggle("watched", watched);
  conversation.show(screen.system ?? "", screen.turns ?? []);
  cards.forEach((card, place) => {
    const { html } = screen.candidates[place] ?? {};
    const answer = element(`answer-${card.dataset.choice}`);
    answer.classList.toggle("plain-text", !html);
    if (html) answer.innerHTML = html; // cleaned by the server
    else answer.textContent = textOf(card);
  });
  for (const link of all(element("cards"), ".choice-text a", HTMLAnchorElement)) link.target = "_blank";
  folds.greet(screen.id);
  if (watched) notices.say(gettext("All answers are there."));
}

/** @param {KeyboardEvent} event */
function done(event) {
  if (event.target === text && sends(event) && !text.value.trim()) return goOn();
  if (typing(event.target)) return false;
  const own = asked(event, KEYS);
  if (own) own.command();
  return own !== null || (live.writing() && early(event));
}

// Whether the key says something of answers that are not there yet.
/** @param {KeyboardEvent} event */
function early(event) {
  const meant = meaning(event);
  if (!meant || always(meant.deed)) return false;
  element("pending-text").textContent = gettext("Still being written: choose when all answers are there.");
  return true;
}

/** @type {string | null} */
let held = null; // the key that was done and is still down: it must not type into the box

document.addEventListener("keyup", ({ code }) => { if (code === held) held = null; });
document.addEventListener("keydown", (event) => {
  if (event.repeat && event.code === held) event.preventDefault();
  if (modified(event) || event.repeat || event.defaultPrevented || document.querySelector("dialog:modal")) return;
  if (!done(event)) return;
  event.preventDefault();
  held = event.code;
});
// A page that is left wants no more of what is written.
addEventListener("pagehide", () => {
  screens.stop();
  notices.cancel();
});
screens.drawBy(post);
