// What was said before the message that is answered: a system message, folded, and the turns of user and assistant.

import { element, make } from "../../shared/dom.js";
import { gettext } from "../../shared/words.js";

/** @import { Turn } from "../../types" */

const LINES = 4; // of a turn that is not shown to its end
const box = element("conversation");
const system = element("system", HTMLDetailsElement);
const list = element("turns");

/** @param {string} told @param {Turn[]} turns */
export function show(told, turns) {
  box.hidden = !told && !turns.length;
  system.hidden = !told;
  system.open = false;
  element("system-text").textContent = told;
  list.hidden = !turns.length;
  list.replaceChildren(...turns.map(item));
  for (const text of list.querySelectorAll(".turn-text")) fold(text);
  list.scrollTop = list.scrollHeight; // what was said last is next to its answer
}

/** @param {Turn} turn */
function item({ role, content }) {
  const speaker = role === "user" ? gettext("User") : gettext("Assistant");
  const text = make("div", { className: "turn-text shy", dir: "auto", translate: "no" }, content);
  return make("li", { className: `turn ${role}` }, make("strong", { className: "speaker" }, speaker), text);
}

/** @param {Element} text that is on the page already, so that it has its size */
function fold(text) {
  if (text.scrollHeight < (LINES + 1) * parseFloat(getComputedStyle(text).lineHeight)) return;
  const button = make("button", { type: "button", className: "btn btn-sm unfold", "aria-expanded": "false" });
  const turn = () => {
    const open = text.classList.toggle("folded");
    button.setAttribute("aria-expanded", String(!open));
    button.textContent = open ? gettext("Show all") : gettext("Show less");
  };
  button.addEventListener("click", turn);
  text.after(button);
  turn();
}
