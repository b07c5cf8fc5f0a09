// Speaks to the API as the person who is signed in. Every failure becomes one sentence to show.

import { gettext } from "./words.js";

const EVENTS = "text/event-stream";
const CSRF = 'meta[name="csrf-token"]';
const LONGEST_JUDGMENT = 30_000; // milliseconds; a connection that is neither there nor gone must not hold up the next one
let csrf = document.querySelector(CSRF)?.getAttribute("content") ?? "";
/** Where Mellow is on its host: empty, or the path that a proxy gives it, such as /mellow. */
export const root = document.querySelector('meta[name="root"]')?.getAttribute("content") ?? "";
/** Where the API is. */
export const API = `${root}/api/v1`;

export class ApiError extends Error {
  /**
   * @param {string} sentence
   * @param {number} status 0 where there was no answer
   * @param {number} again seconds after which the same may be asked again, 0 where nothing says so
   */
  constructor(sentence, status, again = 0) {
    super(sentence);
    this.status = status;
    this.again = again;
  }
}

/** The page itself stopped the request. */
export class Stopped extends ApiError {
  constructor() {
    super(gettext("It was stopped."), 0);
  }
}

/**
 * The answer to a request, which the caller says the shape of; a form goes as a form, anything else as JSON.
 *
 * @template Answer
 * @param {string} method
 * @param {string} path below /api/v1
 * @param {unknown} [body]
 * @param {AbortSignal} [signal] stops it, and Stopped is thrown
 * @param {Listener} [hear] reads an answer that comes as a stream of events; null says that it was cut off
 * @returns {Promise<Answer>}
 */
export async function call(method, path, body, signal, hear) {
  const answer = await ask(method, path, body, signal, hear);
  // Not a refusal of what was sent: it is kept, and may be sent again.
  if (answer.stale) {
    throw new ApiError(gettext("Your session has changed: reload the page if this does not pass in a moment."), 0);
  }
  return read(answer);
}

/**
 * `fetch` as the person who is signed in now, also where that is another session than the page was opened in.
 *
 * @param {string} address
 * @param {RequestInit & { headers?: Record<string, string> }} request
 */
export async function send(address, request) {
  const used = csrf;
  const sent = () => fetch(address, { ...request, headers: { ...request.headers, "X-CSRFToken": csrf } });
  const response = await sent();
  // Somebody signed out and in again in another tab: the page's token is of the session before.
  const stale = response.status === 400 && isStale(response, await response.clone().json().catch(() => null));
  return stale && (await renewed(used)) ? sent() : response;
}

/**
 * What the server says of a refusal, as an error.
 *
 * @param {Response} response
 * @param {{ detail?: string } | null} content
 */
export function refusal(response, content) {
  const again = Number(response.headers.get("Retry-After")) || 0;
  return new ApiError(content?.detail ?? gettext("Something went wrong on the server."), response.status, again);
}

/** @param {Response} response @param {{ stale_form?: boolean } | null} content */
const isStale = (response, content) => response.status === 400 && Boolean(content?.stale_form);

/** @typedef {(response: Response) => Promise<unknown>} Listener */

/** @param {string} method @param {string} path @param {unknown} body @param {AbortSignal} [signal] @param {Listener} [hear] */
async function ask(method, path, body, signal, hear) {
  const click = path.startsWith("/judgments");
  const form = body instanceof URLSearchParams;
  try {
    const response = await send(`${API}${path}`, {
      method,
      keepalive: click, // it counts even if its page is left at once
      signal: click ? AbortSignal.timeout(LONGEST_JUDGMENT) : signal,
      headers: { ...(form ? {} : { "Content-Type": "application/json" }), ...(hear ? { Accept: EVENTS } : {}) },
      body: form ? body : body === undefined ? undefined : JSON.stringify(body),
    });
    const streams = hear && response.headers.get("Content-Type")?.startsWith(EVENTS);
    const read = () => (streams ? hear(response) : response.json().catch(() => null));
    const content = response.status === 204 ? null : await read();
    if (response.ok && response.status !== 204 && content === null) throw new TypeError("the answer was cut off");
    return { response, content, stale: isStale(response, content) };
  } catch {
    if (signal?.aborted) throw new Stopped();
    throw new ApiError(gettext("Mellow cannot be reached. Nothing is lost: try again in a moment."), 0);
  }
}

/** @param {{ response: Response, content: any }} answer what JSON holds is of any type */
function read({ response, content }) {
  if (response.status === 401) {
    throw new ApiError(gettext("You are signed out: open the sign-in page in another tab, then try again."), 401);
  }
  if (!response.ok) throw refusal(response, content);
  return content;
}

/**
 * Whether there is another token than the one that was used; several requests may ask at once.
 *
 * @param {string} used
 */
async function renewed(used) {
  if (csrf !== used) return true;
  const page = await fetch(location.href).then((answer) => answer.text()).catch(() => "");
  const found = new DOMParser().parseFromString(page, "text/html").querySelector(CSRF)?.getAttribute("content");
  if (found) csrf = found;
  return csrf !== used;
}
