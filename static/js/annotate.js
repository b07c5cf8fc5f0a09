// The annotator's desk: a text or the queue → three cards → one key or click → the next screen.
// While a screen of the queue is read, the one after it is drawn already.

import { call } from "./api.js";

const element = (id) => document.getElementById(id);
const desk = element("desk");
const text = element("text");
const cards = [...document.querySelectorAll(".choice")];
const longest = Number(desk.dataset.longest);
const kept = `mellow.desk.${desk.dataset.person}`; // in the tab's own storage: a reload loses neither text nor screen

let screen = null; // what is shown: {id, text, candidates, fromQueue, at, done}
let last = null; // the judgment that Undo takes back: {id, screen}
let upcoming = null; // a promise of the next screen of the queue
let asking = false; // a typed text is on its way
let saving = null; // a promise of the judgment, or of its undoing, that is on its way
let waits = 0; // how many answers are waited for visibly
let judged = 0;
const aside = []; // screens that had to make room; they come back before anything new is drawn
const shown = []; // ids of the queue's screens that were on the desk lately

function problem(sentence, retry) {
  element("problem-text").textContent = sentence ?? "";
  element("problem").hidden = !sentence;
  element("retry").hidden = !retry;
}

async function pending(label, work) {
  const began = performance.now();
  const tell = () => { element("pending-seconds").textContent = `${((performance.now() - began) / 1000).toFixed(1)} s`; };
  const appear = setTimeout(() => {
    tell();
    element("pending-text").textContent = label;
    element("pending").hidden = false;
  }, 80);
  const tick = setInterval(tell, 100);
  waits += 1;
  try {
    return await work;
  } finally {
    waits -= 1;
    clearTimeout(appear);
    clearInterval(tick);
    element("pending").hidden = waits === 0;
  }
}

function show(next, fromQueue) {
  screen = { ...next, fromQueue, at: performance.now(), done: false };
  element("source").textContent = next.text;
  cards.forEach((card, index) => {
    const candidate = next.candidates[index];
    card.hidden = !candidate;
    card.classList.remove("chosen", "passed");
    card.disabled = false;
    card.dataset.candidate = candidate?.id ?? "";
    card.querySelector(".choice-text").textContent = candidate?.text ?? "";
  });
  const count = next.candidates.length;
  element("note").hidden = !next.exhausted;
  element("note").textContent = count
    ? "The model found no three different rewrites for this text; this is what there is."
    : "The model found no rewrite for this text.";
  element("none").disabled = element("skip").disabled = false;
  element("screen").hidden = false;
  element("drained").hidden = true;
  if (fromQueue) {
    if (!shown.includes(next.id)) shown.push(next.id);
    upcoming ??= fetchNext();
  }
  if (document.activeElement === text && !text.value) text.blur(); // so that the next key is a verdict
  keep();
}

function fetchNext() {
  const promise = call("POST", "/generations", { from: "queue", shown: shown.slice(-100) });
  promise.catch(() => {}); // shown when it is awaited
  return promise;
}

// What was put aside first, then the queue. Leaves the desk as it is when there is neither.
async function advance() {
  if (aside.length) {
    const back = aside.shift();
    show(back, back.fromQueue);
    return;
  }
  const waiting = upcoming ?? fetchNext();
  upcoming = null;
  try {
    const next = await pending("Drawing the next screen…", waiting);
    if (!next) drained();
    else if (screen && !screen.done) aside.push({ ...next, fromQueue: true }); // meanwhile a text was typed, or undone
    else show(next, true);
  } catch (error) {
    problem(error.message, true);
  }
}

function drained() {
  if (!screen?.done || !screen.fromQueue) return;
  element("screen").hidden = true;
  element("drained").hidden = false;
  screen = null;
  text.focus();
}

async function ask(event) {
  event.preventDefault();
  const typed = text.value;
  const value = typed.trim();
  if (asking || !value || value.length > longest) return;
  asking = true;
  problem();
  element("send").disabled = true;
  try {
    await saving; // someone quick sends the next text before the last click is acknowledged
    const next = await pending("Three rewrites are being drawn…", call("POST", "/generations", { text: value }));
    if (text.value === typed) text.value = ""; // what was typed meanwhile stays
    if (screen && !screen.done && screen.fromQueue) aside.unshift(screen);
    show(next, false);
  } catch (error) {
    problem(error.message);
  } finally {
    asking = false;
    measure();
  }
}

async function exclusively(work) {
  saving = work();
  await saving;
  saving = null;
}

async function judge(verdict, card) {
  if (asking || saving || !screen || screen.done) return;
  const subject = screen;
  await exclusively(() => save(subject, verdict, card));
  keep();
  if (!subject.done) return;
  if (subject.fromQueue || aside.length) await advance();
  else text.focus();
}

async function save(subject, verdict, card) {
  problem();
  subject.done = true;
  cards.forEach((one) => { one.disabled = true; one.classList.toggle("passed", one !== card); });
  element("none").disabled = element("skip").disabled = true;
  card?.classList.add("chosen");
  const body = { generation_id: subject.id, verdict, seconds: (performance.now() - subject.at) / 1000 };
  if (card) body.candidate_id = Number(card.dataset.candidate);
  try {
    const { id } = await call("POST", "/judgments", body);
    judged += 1;
    last = { id, screen: subject };
    const said = { chosen: "Saved", none: "Saved: none is good", skipped: "Skipped" }[verdict];
    element("last-text").textContent = card ? `${said}: “${card.querySelector(".choice-text").textContent}”` : `${said}.`;
    element("last").hidden = false;
    tally();
  } catch (error) {
    cards.forEach((one) => one.classList.remove("chosen", "passed"));
    if (error.status === 409) {
      problem("Not saved: this screen was judged before, perhaps in another tab.");
    } else {
      subject.done = false;
      cards.forEach((one) => { one.disabled = false; });
      element("none").disabled = element("skip").disabled = false;
      problem(`Not saved. ${error.message}`);
    }
  }
}

async function undo() {
  if (!asking && !saving && last) await exclusively(takeBack);
}

async function takeBack() {
  problem();
  try {
    await call("DELETE", `/judgments/${last.id}`);
    judged -= 1;
    if (screen && !screen.done) aside.unshift(screen);
    const back = last.screen;
    last = null;
    element("last").hidden = true;
    show(back, back.fromQueue);
    tally();
  } catch (error) {
    problem(`Not undone. ${error.message}`);
  }
}

function tally() {
  element("tally").textContent = judged > 0 ? `${judged} judged in this sitting` : "";
}

function measure() {
  const length = text.value.trim().length;
  const over = length - longest;
  const hint = element("text-hint");
  hint.textContent = over > 0 ? `${over} characters too long: ${length} of ${longest}` : `${length} of ${longest} characters`;
  hint.classList.toggle("over", over > 0);
  hint.setAttribute("aria-live", over > 0 ? "polite" : "off"); // a count at every key would drown what is typed
  element("send").disabled = asking || length === 0 || over > 0;
  keep();
}

function keep() {
  const typed = screen && !screen.fromQueue && !screen.done ? screen : null;
  sessionStorage.setItem(kept, JSON.stringify({ text: text.value, screen: typed }));
}

function restore() {
  const found = JSON.parse(sessionStorage.getItem(kept) ?? "{}");
  if (found.text && !text.value) text.value = found.text;
  if (found.screen) show(found.screen, false);
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target === text) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) ask(event);
    if (event.key === "Escape") text.blur();
    return;
  }
  const choice = cards[Number(event.key) - 1];
  if (choice && !choice.hidden) judge("chosen", choice);
  else if (event.key === "n" || event.key === "N") judge("none");
  else if (event.key === "s" || event.key === "S") judge("skipped");
  else if (event.key === "u" || event.key === "U") undo();
  else if (event.key === "/" || event.key === "t" || event.key === "T") { event.preventDefault(); text.focus(); }
}

element("ask").addEventListener("submit", ask);
text.addEventListener("input", measure);
for (const card of cards) {
  card.addEventListener("click", (event) => {
    if (event.detail < 2) judge("chosen", card); // the second click of a double click would land on the next screen
  });
}
element("none").addEventListener("click", (event) => { if (event.detail < 2) judge("none"); });
element("skip").addEventListener("click", (event) => { if (event.detail < 2) judge("skipped"); });
element("undo").addEventListener("click", undo);
element("retry").addEventListener("click", () => { problem(); advance(); });
document.addEventListener("keydown", key);
restore();
if (!screen) text.focus();
measure();
advance();
