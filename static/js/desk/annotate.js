// The annotator's desk: a text or the queue → three cards → one key or click → the next screen, which is there already.
// A gesture is kept in the browser and the next screen is shown at once; the outbox brings the gesture to the server.

import { cards, lay, settle, textOf } from "./gestures/cards.js";
import * as counters from "./counters.js";
import { keepDraft } from "./gestures/drafts.js";
import * as editor from "./gestures/editor.js";
import { onKeys } from "./gestures/keys.js";
import * as notices from "./notices.js";
import { Outbox } from "./gestures/outbox.js";
import { desk, element, size } from "./page.js";
import * as reasons from "./gestures/reasons.js";
import * as screens from "./screens.js";
import { Stopwatch } from "./stopwatch.js";
import * as tie from "./gestures/tie.js";
import { reveal } from "./view.js";

const MOST_UNDOABLE = 100;
const LOOK_AGAIN = 20_000; // milliseconds between looks into an empty queue
const text = element("text");
const longest = Number(desk.dataset.longest);
const kept = `mellow.desk.${desk.dataset.person}`; // in the tab's own storage: a reload loses neither text nor screen

let screen = null; // what is shown: {id, text, candidates, fromQueue, done}
let watch = null; // how long it has been looked at
let asking = false; // a typed text is on its way
let advancing = false; // the next screen is on its way
const deeds = []; // what Undo takes back, the latest last: {key, body, screen, said, saved}

const outbox = new Outbox((what, ...rest) => ({ sent, refused, waiting, through })[what](...rest));

function show(next) {
  editor.leave();
  screen = { ...next, done: false };
  watch?.stop();
  watch = new Stopwatch();
  const within = element("screen").contains(document.activeElement) && document.activeElement !== document.body;
  tie.leave();
  reasons.leave();
  lay(screen);
  reveal(false);
  const count = screen.candidates.length;
  element("note").hidden = !screen.exhausted;
  element("note").textContent = count
    ? "The model found no three different rewrites for this text; this is what there is."
    : "The model found no rewrite for this text.";
  element("tie").disabled = count < 2;
  element("screen").hidden = false;
  element("drained").hidden = true;
  if (screen.fromQueue) {
    screens.seen([screen.id]);
    screens.prefetch();
  }
  if (document.activeElement === text && !text.value) text.blur(); // so that the next key is a verdict
  if (within) element("source").focus({ preventScroll: true }); // so that it is read, and Tab begins at its first card
  const { top } = element("screen").getBoundingClientRect();
  if (top < 0) scrollBy(0, top); // on a small window the verdicts are below the cards, which come first
  editor.greet(screen);
  keep();
}

// What was put aside first, then the queue. Leaves the desk as it is when there is neither.
async function advance() {
  if (screens.aside.length) return show(screens.aside.shift());
  if (advancing) return undefined;
  advancing = true;
  try {
    const next = await notices.pending("Drawing the next screen…", screens.next(outbox.settled()));
    if (!next) drained();
    else if (screen && !screen.done) screens.aside.push(next); // meanwhile a text was typed, or undone
    else show(next);
  } catch (error) {
    notices.problem(error.message, true);
  } finally {
    advancing = false;
  }
  return undefined;
}

function drained() {
  setTimeout(lookAgain, LOOK_AGAIN);
  if (!screen?.done || !screen.fromQueue) return;
  element("screen").hidden = true;
  element("drained").hidden = false;
  screen = null;
  text.focus();
}

async function lookAgain() {
  const open = screen && !screen.done;
  if (open && screen.fromQueue) return; // the next choice looks
  const next = open || document.hidden || advancing ? null : await screens.next().catch(() => null);
  if (!next) setTimeout(lookAgain, LOOK_AGAIN);
  else if (text.value || asking || (screen && !screen.done)) screens.aside.push(next);
  else show(next);
}

async function ask(event) {
  event.preventDefault();
  const typed = text.value;
  const value = typed.trim();
  if (asking || !value || size(value) > longest) return;
  asking = true;
  notices.problem();
  element("send").disabled = true;
  try {
    const next = await notices.pending("Three rewrites are being drawn…", screens.draw(value));
    if (text.value === typed) text.value = ""; // what was typed meanwhile stays
    if (screen && !screen.done && screen.fromQueue) screens.aside.unshift(screen);
    show({ ...next, fromQueue: false });
  } catch (error) {
    notices.problem(error.message);
  } finally {
    asking = false;
    measure();
  }
}

// A verdict on what is shown; `said` is what is told of it: what happened, and of which text.
function judge(gesture, said, chosen = []) {
  if (!screen || screen.done) return;
  notices.problem();
  editor.leave();
  tie.leave();
  reasons.leave();
  screen.done = true;
  const seconds = watch.stop();
  const body = outbox.judge({ generation_id: screen.id, ...gesture, seconds });
  deeds.push({ key: body.client_key, body, screen, said, saved: false });
  if (deeds.length > MOST_UNDOABLE) deeds.shift();
  counters.count(1, seconds);
  settle(chosen);
  tell();
  keep();
  if (screen.fromQueue || screens.aside.length) advance();
  else text.focus();
}

const candidate = (card) => Number(card.dataset.candidate);
const choose = (card) => judge({ verdict: "chosen", candidate_id: candidate(card) }, ["Saved", `“${textOf(card)}”`], [card]);
const none = () => judge({ verdict: "none" }, ["Saved", "none is good."]);

function saveTie(tied, texts) {
  const all = !tied.length || tied.length === cards.filter((card) => !card.hidden).length;
  const said = all ? "all are equally good." : texts.map((one) => `“${one}”`).join(" = ");
  judge({ verdict: "tie", ...(all ? {} : { tied: tied.map(candidate) }) }, ["Saved", said], tied);
}

function saveEdit(edited, slot) {
  const begun = slot ? { candidate_id: screen.candidates[slot - 1].id } : {};
  judge({ verdict: "edited", edited_text: edited, ...begun }, ["Saved", `“${edited}”`]);
}

function saveReason(kind, reason) {
  const flagged = kind === "flag";
  const gesture = { verdict: "skipped", ...(flagged ? { flagged } : {}), ...(reason ? { reason } : {}) };
  judge(gesture, [flagged ? "Flagged" : "Skipped", reason]);
}

function tieOrNot() {
  if (tie.tying()) {
    tie.leave();
  } else {
    editor.leave();
    tie.begin();
  }
}

function edit(slot) {
  tie.leave();
  editor.edit(screen, slot);
}

function undo() {
  const deed = deeds.pop();
  if (!deed) return;
  notices.problem();
  outbox.undo(deed.body);
  counters.count(-1, deed.body.seconds);
  if (screen && !screen.done) screens.aside.unshift(screen);
  if (deed.body.verdict === "edited") {
    const slot = deed.screen.candidates.findIndex((one) => one.id === deed.body.candidate_id) + 1;
    keepDraft(deed.screen.id, slot, deed.body.edited_text, true);
  }
  show(deed.screen);
  tell();
}

function sent(key) {
  const deed = deeds.find((one) => one.key === key);
  if (deed) deed.saved = true;
  if (deed === deeds.at(-1)) tell();
}

function refused({ kind, body }, error, kept) {
  const place = deeds.findIndex((one) => one.key === body.client_key);
  const [deed] = place < 0 ? [] : deeds.splice(place, 1);
  if (deed) counters.count(-1, deed.body.seconds);
  tell();
  const typed = body.edited_text ? ` What you wrote: “${body.edited_text}”.` : "";
  if (error.status === 409) {
    notices.problem(`Not saved: this screen was judged before, perhaps in another tab.${typed} Under My work it can be changed.`);
    return;
  }
  if (error.status === 404 && kept) {
    const what = kind === "undo" ? "Not taken back: this is not a judgment" : "Not saved: this is not a screen";
    notices.problem(`${what} of whoever is signed in now.${typed} It is kept here and tried again on the next visit.`);
    return;
  }
  notices.problem(`${kind === "undo" ? "Not taken back" : "Not saved"}. ${error.message}${deed ? "" : typed}`);
  if (!deed) return;
  if (deed.body.verdict === "edited") keepDraft(deed.screen.id, 0, deed.body.edited_text, true);
  if (screen && !screen.done) screens.aside.unshift(deed.screen);
  else show(deed.screen);
}

function waiting(error) {
  notices.connection(outbox.length, error);
  tell();
}

function through() {
  notices.connection(0, null);
  if (!element("retry").hidden) again();
}

function tell() {
  notices.last(deeds.at(-1), Boolean(outbox.trouble));
}

function again() {
  notices.problem();
  advance();
}

function measure() {
  const length = size(text.value.trim());
  const over = length - longest;
  const hint = element("text-hint");
  hint.hidden = length === 0;
  hint.textContent = over > 0 ? `${over} characters too long: ${length} of ${longest}` : `${length} of ${longest} characters`;
  hint.classList.toggle("over", over > 0);
  hint.setAttribute("aria-live", over > 0 ? "polite" : "off"); // a count at every key would drown what is typed
  element("send").disabled = asking || length === 0 || over > 0;
  text.rows = Math.min(6, text.value.split("\n").length);
  keep();
}

function keep() {
  const typed = [...(screen ? [screen] : []), ...screens.aside].filter((one) => !one.fromQueue && !one.done);
  sessionStorage.setItem(kept, JSON.stringify({ text: text.value, typed }));
}

function restore() {
  const found = JSON.parse(sessionStorage.getItem(kept) ?? "{}");
  if (found.text && !text.value) text.value = found.text;
  const [first, ...others] = found.typed ?? [];
  screens.aside.push(...others);
  if (first) show(first);
}

const once = (work) => (event) => { if (event.detail < 2) work(); }; // the second click of a double click would land on the next screen

element("ask").addEventListener("submit", ask);
text.addEventListener("input", measure);
for (const card of cards) card.addEventListener("click", once(() => (tie.tying() ? tie.pick(card) : choose(card))));
for (const button of document.querySelectorAll(".edit")) {
  button.addEventListener("click", () => edit(Number(button.dataset.edit)));
}
element("none").addEventListener("click", once(none));
element("tie").addEventListener("click", once(tieOrNot));
element("write").addEventListener("click", () => edit(0));
for (const kind of ["skip", "flag"]) element(kind).addEventListener("click", once(() => saveReason(kind, "")));
element("undo").addEventListener("click", once(undo));
element("retry").addEventListener("click", again);
editor.onSave(saveEdit);
tie.onTie(saveTie);
reasons.onReason(saveReason);
onKeys({
  judging: () => Boolean(screen && !screen.done),
  choose,
  none,
  reason: saveReason,
  tie: tieOrNot,
  edit,
  undo,
  ask,
});

screens.seen(outbox.screens());
restore();
if (!screen) text.focus();
measure();
outbox.flush();
advance();
