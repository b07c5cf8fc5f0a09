// Which key of a shortcut a press is, on whatever keyboard: the only place where that is decided.

/**
 * What is read of a press; a KeyboardEvent has all of it.
 *
 * @typedef {Pick<KeyboardEvent, "key" | "code" | "shiftKey" | "ctrlKey" | "metaKey" | "altKey" | "isComposing" | "keyCode"
 *   | "getModifierState">} Press
 */
/**
 * The command that a press asks for, the key that stands for it in the table of commands, and whether Shift changes it.
 *
 * @template Command
 * @typedef {{ command: Command, name: string, shift: boolean }} Asked
 */

const COMPOSED = 229; // the code that browsers give to every key that an input method takes, also to the Enter that ends it
const DIGIT = /^[1-9]$/;
const WORD = /^[\p{L}\p{M}]+$/u; // more than one character on the Arabic key that types lam and alef
const LATIN = /\p{Script=Latin}/u;
// The same punctuation in Arabic writing, and as wide as a Chinese character.
const TWINS = new Map([["؟", "?"], ["？", "?"], ["／", "/"]]);

/**
 * Whether an input method (for Japanese, say) is writing a word with this key, which is then nobody else's.
 *
 * @param {Press} press
 */
export const composing = (press) => press.isComposing || press.keyCode === COMPOSED;

/**
 * Whether the press belongs to the browser or types a character of a third level, as AltGr does.
 *
 * @param {Press} press
 */
export const modified = (press) => press.ctrlKey || press.metaKey || press.altKey || press.getModifierState("AltGraph");

/** @param {Press} press */
export const sends = (press) => press.key === "Enter" && !press.shiftKey && !composing(press);

/** @param {Press} press */
export const leaves = (press) => press.key === "Escape" && !composing(press);

/**
 * The command of a press, or null. Letters count as they are typed, so that they stay where the layout has them (QWERTZ, AZERTY,
 * Dvorak), but letters of another script by their place; so do the keys of the row of digits, which type digits with Shift alone
 * on French and Czech keyboards. A digit that was typed is that digit, with or without Shift. With Shift a sign comes before
 * the digit on its key, as German keyboards have / on 7; without Shift the digit comes first, as Thai ones have / on 2.
 *
 * @template Command
 * @param {Press} press
 * @param {ReadonlyMap<string, Command>} commands by small letter, digit or sign
 * @returns {Asked<Command> | null}
 */
export function asked(press, commands) {
  if (composing(press) || modified(press)) return null;
  const typed = TWINS.get(press.key) ?? press.key.toLowerCase();
  for (const name of press.shiftKey ? [typed, place(press)] : [place(press), typed]) {
    const command = commands.get(name);
    if (command !== undefined) return { command, name, shift: press.shiftKey && !DIGIT.test(press.key) };
  }
  return null;
}

/**
 * The letter or digit that an English keyboard has at the place of a press, or nothing where the place does not count.
 *
 * @param {Press} press
 */
function place({ key, code }) {
  if (DIGIT.test(key)) return "";
  const digit = [...key].length === 1 && /^Digit([1-9])$/.exec(code)?.[1];
  if (digit) return digit;
  const otherScript = WORD.test(key) && !LATIN.test(key);
  return (otherScript && /^Key([A-Z])$/.exec(code)?.[1].toLowerCase()) || "";
}

/**
 * What is printed on the key of a letter: another letter on a keyboard without Latin ones.
 *
 * @param {string} letter a capital one
 * @param {ReadonlyMap<string, string>} layout what each key types, by its code
 */
export function printed(letter, layout) {
  if ([...layout.values()].includes(letter.toLowerCase())) return letter;
  return layout.get(`Key${letter}`)?.toUpperCase() ?? letter;
}
