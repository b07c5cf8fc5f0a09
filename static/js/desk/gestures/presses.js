// What the keys of the desk mean.

import { asked } from "../../shared/keys.js";

/** @import { Press } from "../../shared/keys.js" */
/**
 * @typedef {"undo" | "diff" | "blur" | "reveal" | "guidelines" | "help" | "text" | "none" | "fine" | "tie" | "edit" | "skip" | "flag"
 *   | "choose"} Deed
 */
/**
 * What a key asks for: `digit` is the card that is chosen, or 0; with `shift` it is edited, or a reason is asked for.
 *
 * @typedef {{ deed: Deed, digit: number, shift: boolean }} Meaning
 */

/** @type {Map<string, Deed>} */
const DEEDS = new Map([
  ["1", "choose"],
  ["2", "choose"],
  ["3", "choose"],
  ["u", "undo"],
  ["d", "diff"],
  ["b", "blur"],
  ["v", "reveal"],
  ["g", "guidelines"],
  ["?", "help"],
  ["/", "text"],
  ["n", "none"],
  ["a", "fine"],
  ["t", "tie"],
  ["e", "edit"],
  ["s", "skip"],
  ["f", "flag"],
]);

/** @type {Set<Deed>} */
const ALWAYS = new Set(["undo", "diff", "blur", "reveal", "guidelines", "help", "text"]);

/**
 * Whether a deed needs no screen that waits for its verdict.
 *
 * @param {Deed} deed
 */
export const always = (deed) => ALWAYS.has(deed);

/**
 * @param {Press} press
 * @returns {Meaning | null}
 */
export function meaning(press) {
  const found = asked(press, DEEDS);
  return found && { deed: found.command, digit: Number(found.name) || 0, shift: found.shift };
}
