// What tells a text from another one, marked in it.

import { differences } from "./diff.js";
import { make } from "./dom.js";

/**
 * The text `after`, with what it adds to `before` and what it leaves out marked.
 *
 * @param {string} before
 * @param {string} after
 */
export function marked(before, after) {
  return differences(before, after).map(([kind, text]) => (kind === "same" ? text : make(kind === "new" ? "ins" : "del", {}, text)));
}
