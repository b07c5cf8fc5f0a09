// Answers as they are written: the server sends what comes to be as events, the whole screen as the last one.

import { ApiError, call } from "../../shared/api.js";

/** @import { Screen, Turn } from "../../types" */
/** @typedef {"queue" | "typed"} Kind where the message comes from */
/**
 * What is written of a screen so far; without a text nothing is known of it.
 *
 * @typedef {{ text: string, turns: Turn[], system: string, answers: string[] }} Written
 */
/** @typedef {{ name: string, data: any }} Event what JSON holds is of any type */

const LAST = ["screen", "nothing", "problem"];
const BLOCK_END = /\r?\n\r?\n/;
/** @type {Map<Kind, Written>} */
const latest = new Map();

/**
 * What is written of the screen that was asked for last.
 *
 * @param {Kind} kind
 */
export const written = (kind) => latest.get(kind);

/**
 * A screen, or null where the queue holds none. Throws ApiError as `call` does.
 *
 * @param {{ text?: string, turns?: Turn[], from?: string }} body
 * @param {AbortSignal} [signal] closes the stream, and Stopped is thrown
 * @returns {Promise<Screen | null>}
 */
export async function post(body, signal) {
  const kind = body.from ? "queue" : "typed";
  /** @type {Written} */
  let now = { text: body.text ?? "", turns: body.turns ?? [], system: "", answers: [] };
  latest.set(kind, now);
  /** @param {Event} event */
  const tell = (event) => {
    if (event.name === "begun" && now.answers.length) {
      const next = { ...now, answers: [] }; // of another prompt: others took the place at the first one
      if (latest.get(kind) === now) latest.set(kind, next);
      now = next;
    }
    take(event, now);
  };
  /** @type {Screen | { last: Event } | null} */
  const answer = await call("POST", "/generations", body, signal, (response) => read(response, tell));
  if (!answer || !("last" in answer)) return answer;
  const { name, data } = answer.last;
  if (name === "problem") throw new ApiError(data.detail, data.status, data.retry_after);
  return name === "screen" ? data : null;
}

/**
 * The last event of a stream, or null if the stream was cut off before it.
 *
 * @param {Response} response
 * @param {(event: Event) => void} tell hears the events before it
 */
async function read(response, tell) {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done) return null;
    const blocks = (rest + decoder.decode(value, { stream: true })).split(BLOCK_END);
    rest = blocks.pop() ?? "";
    for (const event of blocks.map(parsed)) {
      if (LAST.includes(event.name)) return { last: event };
      tell(event);
    }
  }
}

/** @param {string} block @returns {Event} */
function parsed(block) {
  const fields = block.split(/\r?\n/).map((line) => /^(\w*): ?(.*)$/.exec(line) ?? ["", "", ""]);
  /** @param {string} wanted */
  const all = (wanted) => fields.filter(([, name]) => name === wanted).map(([, , value]) => value).join("\n");
  return { name: all("event"), data: JSON.parse(all("data") || "null") };
}

/** @param {Event} event @param {Written} now */
function take({ name, data }, now) {
  if (name === "begun") Object.assign(now, data);
  if (name === "piece") now.answers[data.answer] = (now.answers[data.answer] ?? "") + data.text;
  if (name === "again") now.answers[data.answer] = "";
}
