// Two versions on the same text, with what differs marked. Nothing is stored.

import { ApiError, call } from "../shared/api.js";
import { differences, words } from "../shared/diff.js";

const element = (id) => document.getElementById(id);
let drawn = null; // { text, sides: [answer of one version, of the other] }

function make(tag, ...children) {
  const node = document.createElement(tag);
  node.append(...children);
  return node;
}

const TAGS = { gone: "del", new: "ins" };

// The text `after`, with what it adds to `before` and what it leaves out marked.
function marked(before, after) {
  return differences(before, after).map(([kind, text]) => (kind === "same" ? text : make(TAGS[kind], text)));
}

function inCommon(one, other) {
  return differences(one, other).reduce((sum, [kind, text]) => (kind === "same" ? sum + words(text).length : sum), 0);
}

// Of the other version's rewrites the one that has most words in common: the one that it is worth comparing with.
function nearest(text, others) {
  let [best, most] = [null, -1];
  for (const { text: other } of others) {
    const kept = inCommon(other, text);
    if (kept > most) [best, most] = [other, kept];
  }
  return best;
}

function shown(candidate, others) {
  const against = element("try-against").value;
  if (against === "nothing") return [candidate.text];
  const before = against === "text" ? drawn.text : nearest(candidate.text, others);
  return before === null ? [candidate.text] : marked(before, candidate.text);
}

function show() {
  if (!drawn) return;
  const [one, other] = drawn.sides;
  const columns = [[one, other], [other, one]].map(([side, beside]) => {
    const list = make("ol", ...side.candidates.map((candidate) => make("li", ...shown(candidate, beside.candidates))));
    const column = make("div", make("h3", `Version ${side.version}`), list);
    if (side.exhausted) {
      const note = make("p", "It could not write three different rewrites.");
      note.className = "hint";
      column.append(note);
    }
    return column;
  });
  element("try-results").replaceChildren(...columns);
  element("try-results").hidden = false;
}

function say(problem) {
  element("try-problem").textContent = problem;
  element("try-problem").hidden = !problem;
}

async function draw(event) {
  event.preventDefault();
  const text = element("try-text").value.trim();
  if (!text) {
    say("Type a text first.");
    element("try-text").focus();
    return;
  }
  say("");
  element("try-go").disabled = true;
  try {
    const sides = [];
    for (const id of ["try-one", "try-other"]) {
      const number = element(id).value;
      element("try-state").textContent = `Version ${number} is writing …`;
      sides.push(await call("POST", `/versions/${number}/generations`, { text })); // one after the other: there is room for one
    }
    drawn = { text, sides };
    show();
    element("try-state").textContent = `Versions ${sides[0].version} and ${sides[1].version} have written.`;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    element("try-state").textContent = "";
    say(error.message);
  } finally {
    element("try-go").disabled = false;
  }
}

element("try").addEventListener("submit", draw);
element("try-against").addEventListener("change", show);
element("try-text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    element("try").requestSubmit();
  }
});
