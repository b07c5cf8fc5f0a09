// What a studio asks beside the one choice: an order of all cards, ratings, tags, a comment. The desk loads it only where
// one of them is asked for. Its keys come before those of the desk, which leave alone what is done already.

import { typing } from "../../shared/dom.js";
import { leaves, modified } from "../../shared/keys.js";
import { covered } from "../look/foreign.js";
import { cards } from "../gestures/cards.js";
import * as tie from "../gestures/tie.js";
import { desk } from "../page.js";
import * as comment from "./comment.js";
import * as kept from "./kept.js";
import * as ranking from "./ranking.js";
import * as remarks from "./remarks.js";

/** @import { Judgment, Screen } from "../../types" */

export const ranks = desk.dataset.question === "ranking";
export { onRanking, pick } from "./ranking.js";

/** @type {number | null} */
let shown = null; // the id of the screen that is judged

/** @param {Screen} screen */
export function greet(screen) {
  shown = screen.id;
  const found = kept.of(screen.id);
  ranking.begin();
  remarks.begin(screen, found.remarks ?? []);
  comment.begin(found.comment ?? "");
}

/**
 * What was said beside the verdict that is sent now.
 *
 * @returns {Partial<Judgment>}
 */
export function taken() {
  const said = present();
  if (shown !== null) kept.drop(shown);
  shown = null;
  ranking.begin();
  remarks.end();
  comment.end();
  return said;
}

/**
 * What was said with a judgment that is taken back, for when its screen is shown again.
 *
 * @param {Judgment} body
 */
export function restore({ generation_id, remarks: said, comment: text }) {
  kept.put(generation_id, { ...(said ? { remarks: said } : {}), ...(text ? { comment: text } : {}) });
}

/** @returns {Pick<Judgment, "remarks" | "comment">} */
function present() {
  const said = remarks.said();
  const text = comment.text();
  return { ...(said.length ? { remarks: said } : {}), ...(text ? { comment: text } : {}) };
}

function keep() {
  if (shown !== null) kept.put(shown, present());
}

// For a tie, which needs the cards itself.
export function pause() {
  ranking.begin();
  remarks.leave();
}

/** @type {string | null} */
let held = null; // the key that opened the comment and is still down: it must not type into it

/** @param {KeyboardEvent} event */
function done(event) {
  if (remarks.active()) return remarks.press(event);
  if (event.key === "Backspace") return ranks && ranking.back();
  if (comment.opens(event)) {
    held = event.code;
    return comment.open();
  }
  return remarks.opens(event) && remarks.open();
}

document.addEventListener("keyup", ({ code }) => { if (code === held) held = null; });
document.addEventListener("keydown", (event) => {
  if (event.repeat && event.code === held) event.preventDefault();
  if (modified(event) || event.repeat || event.defaultPrevented || document.querySelector("dialog:modal")) return;
  if (comment.leave(event)) event.preventDefault();
  if (typing(event.target) || tie.tying() || covered() || shown === null || cards[0].disabled) return;
  if (done(event)) event.preventDefault();
  else if (leaves(event)) remarks.leave();
});
remarks.onChange(keep);
comment.onChange(keep);
