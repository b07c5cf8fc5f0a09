// Sends a file in pieces and goes on where it stopped when the connection comes back.

import { API, ApiError, refusal, send as sendAsNow } from "../shared/api.js";
import { gettext } from "../shared/words.js";

/** @import { ImportProgress, Upload } from "../types" */

const PIECE = 4 * 1024 * 1024;
const TRIES = 6;

/** @param {number} milliseconds */
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * @param {string} method
 * @param {string} path
 * @param {ArrayBuffer} piece
 * @returns {Promise<Upload>}
 */
async function send(method, path, piece) {
  const response = await sendAsNow(`${API}/imports${path}`, {
    method,
    headers: { "Content-Type": "application/octet-stream" },
    body: piece,
  });
  const answer = await response.json().catch(() => null);
  if (response.ok || (response.status === 409 && answer?.bytes !== undefined)) return answer;
  throw refusal(response, answer);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {ArrayBuffer} piece
 * @param {(sentence: string) => void} say
 */
async function sendPatiently(method, path, piece, say) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send(method, path, piece);
    } catch (error) {
      if (error instanceof ApiError) throw error;
      if (attempt === TRIES) throw new ApiError(gettext("Mellow cannot be reached: choose the file again in a moment."), 0);
      say(gettext("The connection is lost. Sending goes on when it is back."));
      await pause(500 * 2 ** attempt);
    }
  }
}

/**
 * The id of the file on the server.
 *
 * @param {File} file
 * @param {(share: number) => void} tell hears the share that is sent
 * @param {(sentence: string) => void} say hears what holds it up
 * @param {() => boolean} stopped whether nobody wants it any more
 */
export async function upload(file, tell, say, stopped) {
  /** @type {string | null} */
  let id = null;
  let sent = 0;
  do {
    let piece;
    try {
      // Read here first: a file that has changed since it was chosen fails in its own words.
      piece = await file.slice(sent, sent + PIECE).arrayBuffer();
    } catch {
      throw new ApiError(gettext("%(name)s cannot be read any more: choose it again.", { name: file.name }), 0);
    }
    /** @type {Upload} */
    const answer = id === null
      ? await sendPatiently("POST", `?${new URLSearchParams({ name: file.name })}`, piece, say)
      : await sendPatiently("PATCH", `/${id}?offset=${sent}`, piece, say);
    id ??= answer.id;
    sent = answer.bytes;
    tell(file.size ? sent / file.size : 1);
  } while (sent < file.size && !stopped());
  return id;
}

/**
 * Stores the file; `hear` gets each line of progress as it comes.
 *
 * @param {string} id
 * @param {Record<string, unknown>} wish
 * @param {(progress: ImportProgress) => void} hear
 */
export async function store(id, wish, hear) {
  try {
    const response = await sendAsNow(`${API}/imports/${id}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(wish),
    });
    if (!response.ok || !response.body) throw refusal(response, await response.json().catch(() => null));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let held = "";
    let done = false;
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      const lines = (held + piece.value).split("\n");
      held = lines.pop() ?? "";
      for (const line of lines) {
        /** @type {ImportProgress} */
        const progress = JSON.parse(line);
        if (progress.problem) throw new ApiError(progress.problem, 0);
        done = progress.done;
        hear(progress);
      }
    }
    if (!done) throw new TypeError("cut off");
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(
      gettext("The connection broke off. What is stored stays stored: press Import again, and the rest follows."),
      0,
    );
  }
}
