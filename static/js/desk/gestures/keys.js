// The keys of the desk. Each does what one click on its button does.

import { cards } from "./cards.js";
import { element, typing } from "../page.js";
import * as reasons from "./reasons.js";
import * as tie from "./tie.js";
import { help, reveal, toggleBlur, toggleDiff } from "../view.js";

// `deeds`: judging() says whether a screen waits for its verdict; the others do what their names say.
export function onKeys(deeds) {
  let held = null; // the key that did something and is still down: it must not type into the box that it opened
  const always = { u: deeds.undo, d: toggleDiff, b: toggleBlur, v: () => reveal(), "?": help, "/": () => element("text").focus() };
  const judging = {
    n: deeds.none,
    t: deeds.tie,
    e: () => deeds.edit(pointedAt()),
    s: (event) => (event.shiftKey ? reasons.ask("skip") : deeds.reason("skip", "")),
    f: (event) => (event.shiftKey ? reasons.ask("flag") : deeds.reason("flag", "")),
  };

  function number(event) {
    const digit = /^[1-9]$/.test(event.key) ? event.key : /^Digit([1-9])$/.exec(event.code)?.[1]; // as on French keyboards
    const card = digit && cards[digit - 1];
    if (!card || card.closest(".slot").hidden || !deeds.judging()) return;
    event.preventDefault(); // or the digit would land in the text box that comes next
    held = event.code;
    if (tie.tying()) tie.pick(card);
    else if (event.shiftKey && event.key !== digit) deeds.edit(Number(digit));
    else if (!card.hidden) deeds.choose(card);
  }

  function inTextBox(event) {
    if (event.target.id !== "text") return;
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      deeds.ask(event);
      held = event.code;
    }
    if (event.key === "Escape") event.target.blur();
  }

  document.addEventListener("keyup", (event) => { if (event.code === held) held = null; });
  document.addEventListener("keydown", (event) => {
    if (!event.repeat) held = null;
    if (event.repeat && event.code === held) event.preventDefault();
    if (event.repeat && ["Enter", " "].includes(event.key) && event.target.closest?.("button")) event.preventDefault();
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented) return;
    if (document.querySelector("dialog:modal")) return;
    if (typing(event.target)) {
      inTextBox(event);
      return;
    }
    const name = event.key.toLowerCase();
    if (tie.tying() && (name === "enter" || name === "escape")) {
      if (event.target.closest(".choice, #tie-bar") && name === "enter") return; // picks that card, or presses that button
      event.preventDefault();
      if (name === "escape") tie.leave();
      else tie.finish();
      return;
    }
    const deed = always[name] ?? (deeds.judging() ? judging[name] : undefined);
    if (deed) {
      event.preventDefault();
      held = event.code;
      deed(event);
    } else {
      number(event);
    }
  });
}

// The card that has the focus or is under the pointer; 0 if none is.
function pointedAt() {
  const slot = document.activeElement?.closest?.(".slot") ?? document.querySelector(".slot:hover");
  return Number(slot?.dataset.slot ?? 0);
}
