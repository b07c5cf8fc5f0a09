// Speaks to the API as the person who is signed in. Every failure becomes one sentence to show.

const csrf = document.querySelector('meta[name="csrf-token"]').content;

export class ApiError extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

export async function call(method, path, body) {
  let response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      keepalive: path.startsWith("/judgments"), // a click counts even if its page is left at once
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrf },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError("Mellow cannot be reached. Nothing is lost: try again in a moment.", 0);
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => null);
  if (response.status === 401) throw new ApiError("You are signed out: open the sign-in page in another tab, then try again.", 401);
  if (!response.ok) throw new ApiError(answer?.detail ?? "Something went wrong on the server.", response.status);
  return answer;
}
