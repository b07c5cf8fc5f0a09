// Where screens come from: those that were put aside, then the queue, whose next one is drawn while this one is read.
// What was drawn early was chosen before the latest click, so the server is asked once more, which chooses again from what
// it drew; without an answer in time what is there is shown.

import { ApiError, Stopped, call } from "../shared/api.js";

/** @import { Screen, Turn } from "../types" */
/** @import { Tabs } from "./tabs.js" */
/**
 * A screen on the desk: `fromQueue` if nobody typed its text, `done` once it is judged.
 *
 * @typedef {Screen & { fromQueue: boolean, done?: boolean }} Shown
 */

const MOST_SHOWN = 100;
const PATIENCE = 300; // milliseconds for choosing again
const YIELDS = 5; // how often a screen that another tab shows is left to it
const TIMES = 60; // how often a draw is asked for while the server has too many
/** @type {Shown[]} */
export const aside = []; // screens that had to make room; they come back before anything new is drawn
/** @type {number[]} */
const shown = []; // ids of the queue's screens that were on the desk lately
/** @type {Promise<Screen | null> | null} */
let upcoming = null; // the next screen of the queue
let fetching = new AbortController(); // of what the queue is asked for
/** @type {Tabs | null} */
let tabs = null; // what the other tabs of this person show

/** @type {(body: any, signal?: AbortSignal) => Promise<any>} */
let post = (body, signal) => call("POST", "/generations", body, signal);
let choosesAgain = true; // whether the server chooses of what it drew

/** @param {typeof post} other asks the server, which does not choose again, for screens */
export function drawBy(other) {
  post = other;
  choosesAgain = false;
}

/** @param {Tabs} others in which the same person may work */
export function share(others) {
  tabs = others;
}

/** @param {number[]} ids */
export function seen(ids) {
  for (const id of ids) if (!shown.includes(id)) shown.push(id);
}

/** @param {string} text @param {AbortSignal} [signal] @param {Turn[]} [turns] said before it @returns {Promise<Screen>} */
export function draw(text, signal, turns) {
  return drawn({ text, turns }, signal);
}

// Stops what the queue is asked for; the server notices, and the text waits for whoever asks next.
export function stop() {
  fetching.abort();
  fetching = new AbortController();
}

/**
 * A screen, asked for again while the server says that it draws too many at once.
 *
 * @template Answer
 * @param {unknown} body
 * @param {AbortSignal} [signal]
 * @returns {Promise<Answer>}
 */
async function drawn(body, signal) {
  for (let time = 1; ; time += 1) {
    try {
      return await post(body, signal);
    } catch (error) {
      const again = error instanceof ApiError ? error.again : 0;
      if (!again || time === TIMES) throw error;
      await pause(1000 * again, signal);
    }
  }
}

/** @param {number} milliseconds @param {AbortSignal} [signal] */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new Stopped());
    });
  });
}

export function prefetch() {
  upcoming ??= fetchNext();
}

/**
 * The next screen of the queue, or null if it holds none for this person.
 *
 * @param {Promise<boolean>} said settles when the server knows of the latest gesture, or when it cannot be told for now, and
 *   then with false
 * @returns {Promise<Shown | null>}
 */
export async function next(said = Promise.resolve(false)) {
  const early = upcoming;
  upcoming = null;
  const ready = await early;
  const found = ready ? await chosenAgain(ready, said) : await fetchNext(); // it may have been queued since
  return found && { ...found, fromQueue: true };
}

/** @param {Screen} ready @param {Promise<boolean>} said */
function chosenAgain(ready, said) {
  if (!choosesAgain) return ready;
  /** @type {Promise<Screen>} */
  const late = new Promise((resolve) => { setTimeout(resolve, PATIENCE, ready); });
  const again = said.then((known) => (known ? fetchNext() : ready)).then((found) => found ?? ready, () => ready);
  return Promise.race([again, late]);
}

/** @returns {Promise<Screen | null>} */
function fetchNext() {
  const promise = fetchOurs();
  promise.catch(() => { if (upcoming === promise) upcoming = null; }); // shown where it is awaited; then asked for anew
  return promise;
}

// Two tabs that ask at the same moment are served the same screen: the one that comes second asks again.
async function fetchOurs() {
  for (let time = 1; ; time += 1) {
    const known = [...shown, ...(tabs?.taken() ?? [])];
    /** @type {Screen | null} */
    const found = await drawn({ from: "queue", shown: known.slice(-MOST_SHOWN) }, fetching.signal);
    if (found && time < YIELDS && tabs?.taken().includes(found.id)) continue;
    if (found) tabs?.hold(found.id);
    return found;
  }
}
