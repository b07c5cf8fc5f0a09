// A text that the model does not read is said before its rewrites are shown, which would be damaged words.

import { element } from "../../shared/dom.js";
import { gettext } from "../../shared/words.js";
import { desk } from "../page.js";
import { NAMES } from "./languages.js";

/** @import { Shown } from "../screens.js" */

const notice = element("foreign");
const warns = JSON.parse(desk.dataset.onlyEnglish ?? "false");
/** Why a text is skipped that is not shown. */
export const REASON = element("foreign-skip").dataset.reason ?? "";
/** @type {Set<number>} */
const wanted = new Set(); // the screens that were asked for all the same

/** @param {Pick<Shown, "id" | "looks_like">} screen */
export function greet(screen) {
  cover(warns && Boolean(screen.looks_like) && !wanted.has(screen.id));
  const called = NAMES[screen.looks_like ?? ""] ?? screen.looks_like;
  const sentence = gettext("The model reads English; this looks like %(language)s.", { language: called });
  element("foreign-text").textContent = covered() ? sentence : "";
}

// Whether the rewrites wait to be asked for.
export const covered = () => !notice.hidden;

/** @param {Shown} screen */
export function uncover(screen) {
  wanted.add(screen.id);
  greet(screen);
}

/** @param {boolean} yes */
function cover(yes) {
  notice.hidden = !yes;
  for (const id of ["cards", "verdicts"]) element(id).hidden = yes;
}
