// What the desk says: problems, waiting, what became of the last gesture, and of those that could not be sent.

import { ApiError } from "../shared/api.js";
import { element, make } from "../shared/dom.js";
import { asText } from "../shared/text.js";
import { gettext, language, ngettext } from "../shared/words.js";

/** @import { Screen } from "../types" */

const { format: tenths } = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
/** @type {(() => void)[]} */
const waits = []; // what stops each of the answers that are waited for visibly, the latest last

/** @param {string} [sentence] @param {boolean} [retry] */
export function problem(sentence = "", retry = false) {
  element("problem-text").textContent = sentence;
  element("problem").hidden = !sentence;
  element("retry").hidden = !retry;
}

/**
 * What the text's file says of it, for whoever opens it: it stays closed from one screen to the next.
 *
 * @param {Screen["metadata"]} metadata
 */
export function beside(metadata) {
  const box = element("beside", HTMLDetailsElement);
  box.open = false;
  box.hidden = !metadata;
  element("beside-fields").replaceChildren(...fields(metadata ?? {}));
}

const LONG = 5000; // milliseconds of waiting after which it is said what takes the time
const SENTENCE_END = /[.!?…]+(?=\s+\S)/gu;

/**
 * Shows that something is waited for, until it is there; after a while, what takes so long.
 *
 * @template Value
 * @param {string} label
 * @param {Promise<Value>} work
 * @param {() => void} stop
 * @param {string} [text] whose rewrites are waited for, where it is known
 */
export async function pending(label, work, stop, text = "") {
  const began = performance.now();
  const tell = () => { element("pending-seconds").textContent = `${tenths((performance.now() - began) / 1000)} s`; };
  const appear = setTimeout(() => {
    tell();
    element("pending-text").textContent = label;
    element("pending").hidden = false;
  }, 80);
  const explain = setTimeout(() => { element("pending-text").textContent = `${label} ${slow(text)}`; }, LONG);
  const tick = setInterval(tell, 100);
  waits.push(stop);
  try {
    return await work;
  } finally {
    waits.splice(waits.indexOf(stop), 1);
    clearTimeout(appear);
    clearTimeout(explain);
    clearInterval(tick);
    element("pending").hidden = waits.length === 0;
  }
}

/** @param {string} text */
function slow(text) {
  const sentences = (text.match(SENTENCE_END)?.length ?? 0) + 1;
  if (sentences > 2) {
    return gettext("Each of its %(number)s sentences is rewritten by itself, which takes its time.", { number: sentences });
  }
  return gettext("The server is slow, or draws for others first.");
}

// Stops the latest that is waited for. Whether there was something to stop.
export function cancel() {
  const stop = waits.at(-1);
  stop?.();
  return Boolean(stop);
}

/** @param {string} sentence read aloud, and seen elsewhere */
export function say(sentence) {
  element("said").textContent = sentence;
}

/**
 * The last gesture and whether it is stored; only the end of it is read aloud.
 *
 * @param {{ said: [what: string, text: string], saved: boolean } | undefined} deed
 * @param {boolean} kept whether what is not stored waits for the connection
 */
export function last(deed, kept) {
  element("last").hidden = !deed;
  if (!deed) return;
  const state = deed.saved ? deed.said[0] : kept ? gettext("Kept on this device") : gettext("Saving");
  const sentence = deed.said[1] ? gettext("%(what)s: %(text)s", { what: state, text: deed.said[1] }) : `${state}.`;
  element("last-text").textContent = sentence;
  if (deed.saved || kept) say(sentence);
}

/**
 * What waits for the connection, or, without an error, that nothing does.
 *
 * @param {number} judgments @param {number} undos @param {Error | null} error
 */
export function connection(judgments, undos, error) {
  const place = element("connection");
  const was = !place.hidden && !place.classList.contains("back");
  if (error) {
    place.textContent = `${reason(error)} ${waiting(judgments, undos)}`;
    place.classList.remove("back");
    place.hidden = false;
  } else if (was) {
    place.textContent = gettext("All that was kept has been sent.");
    place.classList.add("back");
  } else {
    place.hidden = true;
  }
}

/** @param {number} judgments @param {number} undos */
function waiting(judgments, undos) {
  if (!undos) {
    return ngettext(
      "One judgment is kept on this device and will be sent as soon as it is possible.",
      "%(num)s judgments are kept on this device and will be sent as soon as it is possible.",
      judgments,
    );
  }
  if (!judgments) {
    return ngettext(
      "One undo is kept on this device and will be sent as soon as it is possible.",
      "%(num)s undos are kept on this device and will be sent as soon as it is possible.",
      undos,
    );
  }
  return gettext("%(judgments)s and %(undos)s are kept on this device and will be sent as soon as it is possible.", {
    judgments: ngettext("One judgment", "%(num)s judgments", judgments),
    undos: ngettext("one undo", "%(num)s undos", undos),
  });
}

/** @param {Error} error */
function reason(error) {
  const status = error instanceof ApiError ? error.status : undefined;
  if (status === 0) return gettext("No connection.");
  if (status === 401) return gettext("You are signed out: sign in in another tab.");
  return error.message;
}

/** @param {Record<string, unknown>} metadata */
const fields = (metadata) => Object.entries(metadata).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", { dir: "auto" }, asText(value))));
