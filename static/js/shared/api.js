// Speaks to the API as the person who is signed in. Every failure becomes one sentence to show.

const CSRF = 'meta[name="csrf-token"]';
const LONGEST_JUDGMENT = 30_000; // milliseconds; a connection that is neither there nor gone must not hold up the next one
let csrf = document.querySelector(CSRF).content;

export class ApiError extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

export async function call(method, path, body) {
  const answer = await ask(method, path, body);
  // Not a refusal of what was sent: it is kept, and may be sent again.
  if (answer.stale) throw new ApiError("Your session has changed: reload the page if this does not pass in a moment.", 0);
  return read(answer);
}

/** `fetch` as the person who is signed in now, also where that is another session than the page was opened in. */
export async function send(address, request) {
  const used = csrf;
  const sent = () => fetch(address, { ...request, headers: { ...request.headers, "X-CSRFToken": csrf } });
  const response = await sent();
  // Somebody signed out and in again in another tab: the page's token is of the session before.
  const stale = response.status === 400 && isStale(response, await response.clone().json().catch(() => null));
  return stale && (await renewed(used)) ? sent() : response;
}

const isStale = (response, content) => response.status === 400 && Boolean(content?.stale_form);

async function ask(method, path, body) {
  const click = path.startsWith("/judgments");
  try {
    const response = await send(`/api/v1${path}`, {
      method,
      keepalive: click, // it counts even if its page is left at once
      signal: click ? AbortSignal.timeout(LONGEST_JUDGMENT) : undefined,
      headers: { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const content = response.status === 204 ? null : await response.json().catch(() => null);
    if (response.ok && response.status !== 204 && content === null) throw new TypeError("the answer was cut off");
    return { response, content, stale: isStale(response, content) };
  } catch {
    throw new ApiError("Mellow cannot be reached. Nothing is lost: try again in a moment.", 0);
  }
}

function read({ response, content }) {
  if (response.status === 401) throw new ApiError("You are signed out: open the sign-in page in another tab, then try again.", 401);
  if (!response.ok) throw new ApiError(content?.detail ?? "Something went wrong on the server.", response.status);
  return content;
}

// Whether there is another token than the one that was used; several requests may ask at once.
async function renewed(used) {
  if (csrf !== used) return true;
  const page = await fetch(location.href).then((answer) => answer.text()).catch(() => "");
  const found = new DOMParser().parseFromString(page, "text/html").querySelector(CSRF)?.content;
  if (found) csrf = found;
  return csrf !== used;
}
