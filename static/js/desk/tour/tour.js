// The one-minute tour. It plays with texts of its own: nothing is sent but that the tour was taken.

import { all, around, element, one } from "../../shared/dom.js";
import { composing, modified } from "../../shared/keys.js";
import { gettext } from "../../shared/words.js";
import { meaning } from "../gestures/presses.js";
import { answering } from "../page.js";
import { store } from "../settings.js";
import { LESSONS as OF_REWRITES } from "./lessons.js";

const { LESSONS } = answering ? await import("../chat/lessons.js") : { LESSONS: OF_REWRITES };
const tour = element("tour", HTMLDialogElement);
const offer = element("tour-offer");
const editor = element("tour-editor", HTMLFormElement);
const edited = element("tour-edited", HTMLTextAreaElement);
const cards = all(tour, ".tour-card", HTMLButtonElement);
const gestures = new Map(all(tour, "[data-gesture]", HTMLButtonElement).map((button) => [button.dataset.gesture ?? "", button]));
const TAUGHT = ["tie", "none", "edit", "undo"]; // each with a key of its own
const CALLED = { choose: gettext("1, 2 or 3"), undo: "U", none: "N", edit: "E", tie: "T" };

let step = 0;
let picking = false; // a tie is being picked
/** @type {Element | null} */
let opener = null;

/** @param {...(string | undefined)} sentences */
function say(...sentences) {
  element("tour-task").textContent = sentences.filter(Boolean).join(" ");
}

/** @param {string} [before] what is said first */
function show(before) {
  const lesson = LESSONS[step];
  picking = false;
  element("tour-screen").hidden = !lesson;
  element("tour-end").hidden = Boolean(lesson);
  element("tour-place").textContent = lesson
    ? gettext("%(number)s of %(all)s", { number: step + 1, all: LESSONS.length })
    : gettext("Done");
  closeEditor();
  if (!lesson) {
    say(before, gettext("That is all there is to it. A few more keys, for later:"));
    element("tour-done").focus();
    return;
  }
  if (lesson.wants !== "undo") for (const card of cards) card.classList.remove("chosen", "passed");
  element("tour-source").textContent = lesson.screen.source;
  cards.forEach((card, index) => { one(card, "span", HTMLElement).textContent = lesson.screen.cards[index]; });
  markPicks();
  for (const [name, button] of gestures) button.classList.toggle("wanted", name === lesson.wants);
  say(before, lesson.task);
}

/** @param {string} after */
function next(after) {
  step += 1;
  show(after);
}

function wrong() {
  say(gettext("That works on the desk, too. Here, press %(key)s.", { key: CALLED[LESSONS[step].wants] }));
}

/** @param {number} index */
function choose(index) {
  const lesson = LESSONS[step];
  if (picking) {
    const pressed = cards[index].getAttribute("aria-pressed") === "true";
    cards[index].setAttribute("aria-pressed", String(!pressed));
    return;
  }
  if (lesson.wants !== "choose") {
    wrong();
    return;
  }
  cards.forEach((card, place) => card.classList.add(place === index ? "chosen" : "passed"));
  next(lesson.after[index]);
}

function markPicks() {
  for (const card of cards) {
    if (picking) card.setAttribute("aria-pressed", "false");
    else card.removeAttribute("aria-pressed");
  }
  for (const [name, button] of gestures) {
    if (name === "tie") button.setAttribute("aria-pressed", String(picking));
    if (name === "enter") button.hidden = !picking;
  }
}

/** @param {string} name */
function gesture(name) {
  const lesson = LESSONS[step];
  if (name === "enter") finishTie();
  else if (name !== lesson.wants) wrong();
  else if (name === "edit") openEditor();
  else if (name === "tie") {
    picking = !picking;
    markPicks();
    say(picking ? gettext("Now pick the two with 1 and 2, then press Enter.") : lesson.task);
  } else next(lesson.after[0]);
}

function finishTie() {
  if (!picking) return;
  const picked = cards.filter((card) => card.getAttribute("aria-pressed") === "true").length;
  if (picked < 2) say(gettext("A tie needs at least two: pick them with 1, 2 and 3."));
  else next(LESSONS[step].after[0]);
}

function openEditor() {
  editor.hidden = false;
  edited.value = LESSONS[step].screen.cards[0];
  edited.focus();
  say(gettext("Change the text until it is right, then press Enter."));
}

function closeEditor() {
  const within = editor.contains(document.activeElement);
  editor.hidden = true;
  if (within) element("tour-title").focus();
}

function saveEdit() {
  const lesson = LESSONS[step];
  const text = edited.value.trim();
  if (!text || lesson.screen.cards.includes(text)) say(gettext("Change something first: your own words."));
  else next(lesson.after[0]);
}

/**
 * While the tour is open no key reaches the desk below it.
 *
 * @param {KeyboardEvent} event
 */
function key(event) {
  if (modified(event) || composing(event) || event.key === "Tab") return;
  event.stopPropagation();
  const editing = event.target === edited;
  if (event.key === "Escape") {
    event.preventDefault();
    if (editing) {
      closeEditor();
      say(LESSONS[step].task);
    } else leave();
  } else if (event.key === "Enter") {
    if (editing && !event.shiftKey) {
      event.preventDefault();
      saveEdit();
    } else if (picking) {
      event.preventDefault();
      finishTie();
    } else if (!editing && !around(event.target, "button") && step === LESSONS.length) leave();
  } else if (!editing && !event.repeat && step < LESSONS.length) {
    const meant = meaning(event);
    if (meant?.deed === "choose" && !meant.shift) choose(meant.digit - 1);
    else if (meant && TAUGHT.includes(meant.deed)) {
      event.preventDefault(); // the letter would land in the editor that it opens
      gesture(meant.deed);
    }
  }
}

function start() {
  for (const other of all(document, "dialog:modal", HTMLDialogElement)) other.close(); // Help, from where it was asked for
  opener = document.activeElement;
  offer.hidden = true;
  step = 0;
  tour.showModal();
  document.addEventListener("keydown", key, true);
  show();
}

function leave() {
  document.removeEventListener("keydown", key, true);
  tour.close();
  remember();
  if (opener instanceof HTMLElement && opener.isConnected && opener.offsetParent) opener.focus();
}

function remember() {
  offer.hidden = true;
  if (offer.dataset.toured === "true") return;
  offer.dataset.toured = "true";
  store({ toured: true }).catch(() => { offer.dataset.toured = "false"; }); // it is offered again
}

cards.forEach((card, index) => card.addEventListener("click", () => choose(index)));
for (const [name, button] of gestures) button.addEventListener("click", () => gesture(name));
editor.addEventListener("submit", (event) => { event.preventDefault(); saveEdit(); });
element("tour-leave").addEventListener("click", leave);
element("tour-done").addEventListener("click", leave);
element("tour-decline").addEventListener("click", remember);
tour.addEventListener("cancel", (event) => { event.preventDefault(); if (tour.open) leave(); });
document.addEventListener("click", (event) => { if (around(event.target, '[data-opens="tour"], #tour-again')) start(); });
document.getElementById("tour-again")?.removeAttribute("hidden");
