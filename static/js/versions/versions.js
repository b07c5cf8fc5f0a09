// Two versions on the same text, with what differs marked. Nothing is stored.

import { ApiError, call } from "../shared/api.js";
import { differences, words } from "../shared/diff.js";
import { element, make, say } from "../shared/dom.js";
import { sends } from "../shared/keys.js";
import { marked } from "../shared/marks.js";
import { gettext } from "../shared/words.js";

/** @import { Candidate, Screen } from "../types" */

const form = element("try", HTMLFormElement);
const text = element("try-text", HTMLTextAreaElement);
const against = element("try-against", HTMLSelectElement);
const go = element("try-go", HTMLButtonElement);
const chosen = ["try-one", "try-other"].map((id) => element(id, HTMLSelectElement));
/** @type {{ text: string, sides: Screen[] } | null} */
let drawn = null; // what one version answered, and the other

/** @param {string} one @param {string} other */
function inCommon(one, other) {
  return differences(one, other).reduce((sum, [kind, part]) => (kind === "same" ? sum + words(part).length : sum), 0);
}

/**
 * Of the other version's rewrites the one that has most words in common: the one that it is worth comparing with.
 *
 * @param {string} rewrite
 * @param {Candidate[]} others
 */
function nearest(rewrite, others) {
  /** @type {string | null} */
  let best = null;
  let most = -1;
  for (const { text: other } of others) {
    const kept = inCommon(other, rewrite);
    if (kept > most) [best, most] = [other, kept];
  }
  return best;
}

/** @param {Candidate} candidate @param {string} source @param {Candidate[]} others */
function shown(candidate, source, others) {
  if (against.value === "nothing") return [candidate.text];
  const before = against.value === "text" ? source : nearest(candidate.text, others);
  return before === null ? [candidate.text] : marked(before, candidate.text);
}

function show() {
  if (!drawn) return;
  const { text: source, sides: [one, other] } = drawn;
  const columns = [[one, other], [other, one]].map(([side, beside]) => {
    const list = make("ol", {}, ...side.candidates.map((candidate) => make("li", {}, ...shown(candidate, source, beside.candidates))));
    list.translate = false;
    const column = make("div", {}, make("h3", {}, gettext("Version %(number)s", { number: String(side.version) })), list);
    if (side.exhausted) column.append(make("p", { className: "hint" }, gettext("It could not write three different rewrites.")));
    return column;
  });
  element("try-results").replaceChildren(...columns);
  element("try-results").hidden = false;
}

/** @param {SubmitEvent} event */
async function draw(event) {
  event.preventDefault();
  const source = text.value.trim();
  if (!source) {
    say("try-problem", gettext("Type a text first."));
    text.focus();
    return;
  }
  say("try-problem", "");
  go.disabled = true;
  try {
    /** @type {Screen[]} */
    const sides = [];
    for (const { value: number } of chosen) {
      element("try-state").textContent = gettext("Version %(number)s is writing …", { number });
      sides.push(await call("POST", `/versions/${number}/generations`, { text: source })); // one after the other: there is room for one
    }
    drawn = { text: source, sides };
    show();
    const [one, other] = sides.map((side) => String(side.version));
    element("try-state").textContent = gettext("Versions %(one)s and %(other)s have written.", { one, other });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    element("try-state").textContent = "";
    say("try-problem", error.message);
  } finally {
    go.disabled = false;
  }
}

form.addEventListener("submit", draw);
against.addEventListener("change", show);
text.addEventListener("keydown", (event) => {
  if (sends(event)) {
    event.preventDefault();
    form.requestSubmit();
  }
});
