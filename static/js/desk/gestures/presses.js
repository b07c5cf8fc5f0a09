// What the keys of the desk mean.

/** @typedef {"undo" | "diff" | "blur" | "reveal" | "help" | "text" | "none" | "tie" | "edit" | "skip" | "flag" | "choose"} Deed */
/**
 * What a key asks for: `digit` is the card that is chosen, or 0; with `shift` it is edited, or a reason is asked for.
 *
 * @typedef {{ deed: Deed, digit: number, shift: boolean }} Meaning
 */

/** @type {Map<string, Deed>} */
const DEEDS = new Map([
  ["u", "undo"],
  ["d", "diff"],
  ["b", "blur"],
  ["v", "reveal"],
  ["?", "help"],
  ["/", "text"],
  ["n", "none"],
  ["t", "tie"],
  ["e", "edit"],
  ["s", "skip"],
  ["f", "flag"],
]);

/** @type {Set<Deed>} */
const ALWAYS = new Set(["undo", "diff", "blur", "reveal", "help", "text"]);

/**
 * Whether a deed needs no screen that waits for its verdict.
 *
 * @param {Deed} deed
 */
export const always = (deed) => ALWAYS.has(deed);

/**
 * @param {{ key: string, code: string, shiftKey: boolean }} press
 * @returns {Meaning | null}
 */
export function meaning({ key, code, shiftKey }) {
  const deed = DEEDS.get(key.toLowerCase());
  if (deed) return { deed, digit: 0, shift: shiftKey };
  const typed = /^[1-9]$/.test(key);
  const digit = typed ? key : /^Digit([1-9])$/.exec(code)?.[1]; // as on French keyboards, where digits need Shift
  return digit ? { deed: "choose", digit: Number(digit), shift: shiftKey && !typed } : null;
}
