// Where screens come from: those that were put aside, then the queue, whose next one is drawn while this one is read.

import { call } from "../shared/api.js";

const MOST_SHOWN = 100;
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

// The next screen of the queue, or null if it holds none for this person.
export async function next() {
  const early = upcoming;
  upcoming = null;
  const found = (await early) ?? (await fetchNext()); // what was not there early may have been queued since
  return found && { ...found, fromQueue: true };
}

function fetchNext() {
  const promise = call("POST", "/generations", { from: "queue", shown: shown.slice(-MOST_SHOWN) });
  promise.catch(() => { if (upcoming === promise) upcoming = null; }); // shown where it is awaited; then asked for anew
  return promise;
}
