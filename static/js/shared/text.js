// Numbers and texts as they are shown.

import { language } from "./words.js";

const LONGEST_SHOWN = 400;

/** @param {number} number */
export const count = (number) => number.toLocaleString(language);

/**
 * A text, cut where it is too long to be looked at.
 *
 * @param {string} text
 */
export const shortened = (text) => (text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)} …` : text);

/**
 * How long a text is in characters, as the server counts them.
 *
 * @param {string} text
 */
export const size = (text) => [...text].length;

/**
 * A value of JSON as a person reads it.
 *
 * @param {unknown} value
 */
export const asText = (value) => (typeof value === "string" ? value : JSON.stringify(value));
