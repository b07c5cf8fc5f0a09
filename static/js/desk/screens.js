// Where screens come from: those that were put aside, then the queue, whose next one is drawn while this one is read.
// What was drawn early was chosen before the latest click, so the server is asked once more, which chooses again from what
// it drew; without an answer in time what is there is shown.

import { call } from "../shared/api.js";

const MOST_SHOWN = 100;
const PATIENCE = 300; // milliseconds for choosing again
export const aside = []; // screens that had to make room; they come back before anything new is drawn
const shown = []; // ids of the queue's screens that were on the desk lately
let upcoming = null; // a promise of the next screen of the queue

export function seen(ids) {
  for (const id of ids) if (!shown.includes(id)) shown.push(id);
}

export function draw(text) {
  return call("POST", "/generations", { text });
}

export function prefetch() {
  upcoming ??= fetchNext();
}

// The next screen of the queue, or null if it holds none for this person. `said` settles when the server knows of the
// latest gesture, or when it cannot be told for now, and then with false.
export async function next(said = Promise.resolve(false)) {
  const early = upcoming;
  upcoming = null;
  const drawn = await early;
  const found = drawn ? await chosenAgain(drawn, said) : await fetchNext(); // it may have been queued since
  return found && { ...found, fromQueue: true };
}

function chosenAgain(drawn, said) {
  const late = new Promise((resolve) => { setTimeout(resolve, PATIENCE, drawn); });
  const again = said.then((known) => (known ? fetchNext() : drawn)).then((found) => found ?? drawn, () => drawn);
  return Promise.race([again, late]);
}

function fetchNext() {
  const promise = call("POST", "/generations", { from: "queue", shown: shown.slice(-MOST_SHOWN) });
  promise.catch(() => { if (upcoming === promise) upcoming = null; }); // shown where it is awaited; then asked for anew
  return promise;
}
