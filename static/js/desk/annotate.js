// The annotator's desk: a text or the queue → three cards → one key or click → the next screen, which is there already.
// A gesture is kept in the browser and the next screen is shown at once; the outbox brings the gesture to the server.

import { ApiError, Stopped } from "../shared/api.js";
import { all, element } from "../shared/dom.js";
import { shortened, size } from "../shared/text.js";
import { gettext } from "../shared/words.js";
import { Drawer } from "./drawer.js";
import * as counters from "./figures/counters.js";
import { cards, lay, settle, textOf } from "./gestures/cards.js";
import * as editor from "./gestures/editor.js";
import { onKeys } from "./gestures/keys.js";
import { Outbox } from "./gestures/outbox.js";
import * as reasons from "./gestures/reasons.js";
import * as tie from "./gestures/tie.js";
import "./look/appearance.js";
import * as foreign from "./look/foreign.js";
import { reveal } from "./look/view.js";
import * as notices from "./notices.js";
import { answering, desk, longest, person } from "./page.js";
import * as screens from "./screens.js";
import { Stopwatch } from "./stopwatch.js";
import { Tabs } from "./tabs.js";
import * as examples from "./tour/examples.js";

/** @import { Judgment, KeyedJudgment } from "../types" */
/** @import { Entry, Gesture } from "./gestures/outbox.js" */
/** @import { Shown } from "./screens.js" */
/**
 * What Undo can take back: the judgment as it was sent, its screen, what is told of it, and whether it is stored.
 *
 * @typedef {{ body: KeyedJudgment, screen: Shown, said: Said, saved: boolean }} Deed
 */
/** @typedef {[what: string, text: string]} Said what happened, and of which text */

const more = desk.dataset.question ? await import("./question/question.js") : null; // what is asked beside the one choice
const chat = answering ? await import("./chat/chat.js") : null; // what the desk of a chat model has beside that of a T5
const two = desk.dataset.question === "best_of_two";
const SAVED = gettext("Saved");
const MOST_UNDOABLE = 100;
const LOOK_AGAIN = 20_000; // milliseconds between looks into an empty queue
const text = element("text", HTMLTextAreaElement);
const kept = `mellow.desk.${person}`; // in the tab's own storage: a reload loses neither text nor screen

/** @type {Shown | null} */
let screen = null; // what is shown
/** @type {Stopwatch | null} */
let watch = null; // how long it has been looked at
let asking = false; // a typed text is on its way
let onItsWay = ""; // that text
let advancing = false; // the next screen is on its way
let halted = false; // it was stopped on its way, and nobody asked for another
let nextLook = 0; // the one timer of the looks into an empty queue
/** @type {Deed[]} */
const deeds = []; // what Undo takes back, the latest last

/** @type {Drawer<Gesture>} */
const waitingGestures = new Drawer(localStorage, "outbox", person);
const tabs = new Tabs(new Drawer(localStorage, "tab", person));
const outbox = new Outbox(waitingGestures, { sent, refused, waiting, through });

/** @param {Shown} next */
function show(next) {
  editor.leave();
  screen = { ...next, done: false };
  watch?.stop();
  watch = new Stopwatch();
  const within = element("screen").contains(document.activeElement) && document.activeElement !== document.body;
  tie.leave();
  reasons.leave();
  lay(screen);
  more?.greet(screen);
  foreign.greet(screen);
  notices.beside(screen.metadata);
  reveal(false);
  const count = screen.candidates.length;
  element("note").hidden = !screen.exhausted;
  const few = two
    ? gettext("The model found no two different rewrites for this text; this is what there is.")
    : gettext("The model found no three different rewrites for this text; this is what there is.");
  element("note").textContent = count ? few : gettext("The model found no rewrite for this text.");
  element("tie", HTMLButtonElement).disabled = count < 2;
  element("screen").hidden = false;
  chat?.greet(screen);
  element("drained").hidden = true;
  examples.offer(false);
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
  const first = screens.aside.shift();
  if (first) show(first);
  if (first || advancing) return;
  advancing = true;
  halted = false;
  try {
    const drawn = screens.next(outbox.settled());
    const next = await notices.pending(gettext("Drawing the next screen…"), chat?.follow("queue", drawn) ?? drawn, screens.stop);
    if (!next) drained();
    else if ((screen && !screen.done) || (chat && asking)) screens.aside.push(next); // meanwhile a text was typed, or undone
    else show(next);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    halted = error instanceof Stopped;
    const stopped = gettext("You stopped the drawing of the next screen. Its text waits in the queue.");
    notices.problem(halted ? stopped : error.message, true);
  } finally {
    advancing = false;
  }
}

function lookLater() {
  clearTimeout(nextLook); // the queue may be found empty again before the timer is over
  nextLook = setTimeout(lookAgain, LOOK_AGAIN);
}

function drained() {
  lookLater();
  examples.offer(!screen && !asking);
  if (!screen?.done || !screen.fromQueue) return;
  element("screen").hidden = true;
  element("drained").hidden = false;
  screen = null;
  text.focus();
}

async function lookAgain() {
  const open = screen && !screen.done ? screen : null;
  if (open?.fromQueue) return; // the next choice looks
  const next = open || document.hidden || advancing ? null : await screens.next().catch(() => null);
  if (!next) lookLater();
  else if (text.value || asking || (screen && !screen.done)) screens.aside.push(next);
  else show(next);
}

/** @param {Event} event */
async function ask(event) {
  event.preventDefault();
  const typed = text.value;
  const value = typed.trim();
  if (asking || !value || size(value) > longest) return;
  asking = true;
  notices.problem();
  element("send", HTMLButtonElement).disabled = true;
  onItsWay = typed;
  if (chat) makeRoom();
  const stop = new AbortController();
  try {
    const drawn = screens.draw(value, stop.signal, chat?.turns());
    const label = two ? gettext("Two rewrites are being drawn…") : gettext("Three rewrites are being drawn…");
    const next = await notices.pending(label, chat?.follow("typed", drawn) ?? drawn, () => stop.abort(), value);
    chat?.begin();
    if (text.value === typed) text.value = ""; // what was typed meanwhile stays
    if (screen && !screen.done && (screen.fromQueue || chat)) screens.aside.unshift(screen);
    show({ ...next, fromQueue: false });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error instanceof Stopped) takeBack(typed);
    else notices.problem(error.message);
    if (chat) giveBack(typed);
  } finally {
    asking = false;
    onItsWay = "";
    measure();
  }
}

// What is written is shown while it is, and nothing moves when it is there: the message has left its box, and the screen
// that was open comes back after it.
function makeRoom() {
  more?.pause();
  if (screen && !screen.done) screens.aside.unshift(screen);
  screen = null;
  text.value = "";
  measure();
}

/** @param {string} typed */
function giveBack(typed) {
  if (!text.value) text.value = typed;
  chat?.back();
  if (screens.aside.length) advance();
}

/**
 * Back to the text that was sent, whose rewrites are not wanted; what was typed meanwhile stays, too.
 *
 * @param {string} typed
 */
function takeBack(typed) {
  if (!text.value.trim()) text.value = typed;
  else if (text.value !== typed) notices.problem(gettext("Stopped. What you had sent: “%(text)s”.", { text: typed.trim() }));
  notices.say(gettext("Stopped: nothing was drawn."));
  text.focus();
}

/**
 * A verdict on what is shown.
 *
 * @param {Omit<Judgment, "generation_id" | "seconds">} gesture
 * @param {Said} said
 * @param {HTMLButtonElement[]} [chosen]
 */
function judge(gesture, said, chosen = []) {
  if (!screen || screen.done || !watch) return;
  notices.problem();
  editor.leave();
  tie.leave();
  reasons.leave();
  screen.done = true;
  const seconds = watch.stop();
  const body = outbox.judge({ generation_id: screen.id, ...gesture, ...more?.taken(), seconds });
  deeds.push({ body, screen, said, saved: false });
  if (deeds.length > MOST_UNDOABLE) deeds.shift();
  counters.count(1, seconds, screen.fromQueue);
  settle(chosen);
  tell();
  keep();
  if (screen.fromQueue || screens.aside.length || halted) advance();
  else text.focus();
}

/** @param {string} words */
const quoted = (words) => gettext("“%(text)s”", { text: chat ? shortened(words) : words }); // answers are long
/** @param {HTMLButtonElement} card */
const candidate = (card) => Number(card.dataset.candidate);
/** @param {HTMLButtonElement} card */
const choose = (card) => (more?.ranks ? more.pick(card) : saveChoice(card));
/** @param {HTMLButtonElement} card */
const saveChoice = (card) => judge({ verdict: "chosen", candidate_id: candidate(card) }, [SAVED, quoted(textOf(card))], [card]);
const none = () => judge({ verdict: "none" }, [SAVED, gettext("none is good.")]);
const fine = () => judge({ verdict: "fine" }, [SAVED, gettext("the text is already fine.")]);

/** @param {HTMLButtonElement[]} tied @param {string[]} texts */
function saveTie(tied, texts) {
  const all = !tied.length || tied.length === cards.filter((card) => !card.hidden).length;
  const said = all ? gettext("all are equally good.") : texts.map(quoted).join(" = ");
  judge({ verdict: "tie", ...(all ? {} : { tied: tied.map(candidate) }) }, [SAVED, said], tied);
}

/** @param {HTMLButtonElement[]} ranked the best first */
function saveRanking(ranked) {
  const ids = ranked.map(candidate);
  const order = ids.length > 1 ? { ranking: ids } : {};
  const said = ranked.map((card) => quoted(textOf(card))).join(" > ");
  judge({ verdict: "chosen", candidate_id: ids[0], ...order }, [SAVED, said], ranked.slice(0, 1));
}

/** @param {string} edited @param {number} slot */
function saveEdit(edited, slot) {
  const from = screen?.candidates[slot - 1];
  const begun = from ? { candidate_id: from.id } : {};
  judge({ verdict: "edited", edited_text: edited, ...begun }, [SAVED, quoted(edited)]);
}

/** @param {reasons.Kind} kind @param {string} reason */
function saveReason(kind, reason) {
  const flagged = kind === "flag";
  const why = reason || (foreign.covered() && !flagged ? foreign.REASON : "");
  const more = { ...(flagged ? { flagged } : {}), ...(why ? { reason: why } : {}) };
  judge({ verdict: "skipped", ...more }, [flagged ? gettext("Flagged") : gettext("Skipped"), reasons.called(why)]);
}

// The rewrites of a text that does not look English are wanted all the same.
function uncover() {
  if (!screen) return;
  foreign.uncover(screen);
  element("source").focus({ preventScroll: true });
}

function tieOrNot() {
  if (tie.tying()) {
    tie.leave();
  } else {
    editor.leave();
    more?.pause();
    tie.begin();
  }
}

/** @param {number} slot */
function edit(slot) {
  tie.leave();
  if (screen) editor.edit(screen, slot);
}

function undo() {
  const deed = deeds.pop();
  if (!deed) return;
  notices.problem();
  outbox.undo(deed.body);
  counters.count(-1, deed.body.seconds, deed.screen.fromQueue);
  if (screen && !screen.done) screens.aside.unshift(screen);
  const slot = deed.screen.candidates.findIndex((one) => one.id === deed.body.candidate_id) + 1;
  keepEdited(deed, slot);
  more?.restore(deed.body);
  show(deed.screen);
  tell();
}

/** @param {Deed} deed @param {number} slot */
function keepEdited({ body, screen: { id } }, slot) {
  if (body.edited_text !== undefined) editor.drafts.keep(id, slot, body.edited_text, true);
}

/** @param {string} key */
function sent(key) {
  const deed = deeds.find((one) => one.body.client_key === key);
  if (deed) deed.saved = true;
  if (deed === deeds.at(-1)) tell();
}

/** @param {Entry} entry @param {ApiError} error @param {boolean} again whether it is tried again on the next visit */
function refused({ kind, body }, error, again) {
  const deed = deeds.find((one) => one.body.client_key === body.client_key);
  if (deed) deeds.splice(deeds.indexOf(deed), 1);
  if (deed) counters.count(-1, deed.body.seconds, deed.screen.fromQueue);
  tell();
  const typed = body.edited_text && gettext("What you wrote: “%(text)s”.", { text: body.edited_text });
  if (error.status === 409) {
    const judged = gettext("Not saved: this screen was judged before, perhaps in another tab.");
    notices.problem(sentences(judged, typed, gettext("Under My work it can be changed.")));
    return;
  }
  if (error.status === 404 && again) {
    const what = kind === "undo"
      ? gettext("Not taken back: this is not a judgment of whoever is signed in now.")
      : gettext("Not saved: this is not a screen of whoever is signed in now.");
    notices.problem(sentences(what, typed, gettext("It is kept here and tried again on the next visit.")));
    return;
  }
  const failed = kind === "undo" ? gettext("Not taken back.") : gettext("Not saved.");
  notices.problem(sentences(failed, error.message, deed ? "" : typed));
  if (!deed) return;
  keepEdited(deed, 0);
  more?.restore(deed.body);
  if (screen && !screen.done) screens.aside.unshift(deed.screen);
  else show(deed.screen);
}

/** @param {...(string | undefined)} said */
const sentences = (...said) => said.filter(Boolean).join(" ");

/** @param {Error} error */
function waiting(error) {
  const undos = outbox.queue.filter(({ kind }) => kind === "undo").length;
  notices.connection(outbox.length - undos, undos, error);
  tell();
}

function through() {
  notices.connection(0, 0, null);
  if (!element("retry").hidden && !halted) advanceAgain();
}

function tell() {
  notices.last(deeds.at(-1), Boolean(outbox.trouble));
  chat?.offer(deeds.at(-1));
}

function advanceAgain() {
  notices.problem();
  advance();
}

function measure() {
  const length = size(text.value.trim());
  const over = length - longest;
  const hint = element("text-hint");
  hint.hidden = length === 0;
  const figures = { over, length, most: longest };
  hint.textContent = over > 0
    ? gettext("%(over)s characters too long: %(length)s of %(most)s", figures)
    : gettext("%(length)s of %(most)s characters", figures);
  hint.classList.toggle("over", over > 0);
  hint.setAttribute("aria-live", over > 0 ? "polite" : "off"); // a count at every key would drown what is typed
  element("send", HTMLButtonElement).disabled = asking || length === 0 || over > 0;
  text.rows = Math.min(6, text.value.split("\n").length);
  keep();
}

function keep() {
  const typed = [...(screen ? [screen] : []), ...screens.aside].filter((one) => !one.fromQueue && !one.done);
  sessionStorage.setItem(kept, JSON.stringify({ text: text.value || onItsWay, typed }));
}

function restore() {
  /** @type {{ text?: string, typed?: Shown[] }} */
  const found = JSON.parse(sessionStorage.getItem(kept) ?? "{}");
  if (found.text && !text.value) text.value = found.text;
  const [first, ...others] = found.typed ?? [];
  screens.aside.push(...others);
  if (first) show(first);
}

/**
 * The second click of a double click would land on the next screen.
 *
 * @param {() => void} work
 * @returns {(event: MouseEvent) => void}
 */
const once = (work) => (event) => { if (event.detail < 2) work(); };

element("ask").addEventListener("submit", ask);
examples.onExample((example) => {
  text.value = example;
  measure();
  element("ask", HTMLFormElement).requestSubmit();
});
text.addEventListener("input", measure);
for (const card of cards) card.addEventListener("click", once(() => (tie.tying() ? tie.pick(card) : choose(card))));
for (const button of all(document, ".edit", HTMLButtonElement)) {
  button.addEventListener("click", () => edit(Number(button.dataset.edit)));
}
element("none").addEventListener("click", once(none));
element("fine").addEventListener("click", once(fine));
element("tie").addEventListener("click", once(tieOrNot));
element("write").addEventListener("click", () => edit(0));
element("foreign-skip").addEventListener("click", once(() => saveReason("skip", "")));
element("foreign-show").addEventListener("click", uncover);
element("skip").addEventListener("click", once(() => saveReason("skip", "")));
element("flag").addEventListener("click", once(() => saveReason("flag", "")));
element("undo").addEventListener("click", once(undo));
element("retry").addEventListener("click", advanceAgain);
element("pending-cancel").addEventListener("click", notices.cancel);
editor.onSave(saveEdit);
tie.onTie(saveTie);
more?.onRanking(saveRanking);
reasons.onReason(saveReason);
onKeys({
  judging: () => Boolean(screen && !screen.done),
  reveal: () => (foreign.covered() ? uncover() : reveal()),
  choose,
  none,
  fine,
  reason: saveReason,
  tie: tieOrNot,
  edit,
  undo,
  ask,
  cancel: notices.cancel,
});

addEventListener("online", () => outbox.flush());
addEventListener("focus", () => outbox.flush());
document.addEventListener("visibilitychange", () => { if (!document.hidden) outbox.flush(); });
tabs.follow();
screens.share(tabs);
screens.seen(outbox.screens());
restore();
if (!screen) text.focus();
measure();
outbox.flush();
advance();
