// My work: what tells the texts of a judgment from its best one is marked. The forms are sent in the background and the
// page that comes back takes the place of this one, with the focus where it was. Without this script they are forms as any
// other.

import { all, around, element, make, one } from "../shared/dom.js";
import { marked } from "../shared/marks.js";
import { gettext } from "../shared/words.js";
import "./zone.js";

const main = element("content");

/** @param {HTMLFormElement} form @param {boolean} [again] whether it may be sent once more */
async function send(form, again = true) {
  const item = around(form, ".judgment");
  if (!item) return;
  item.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(form.action, { method: "POST", body: new FormData(form) });
    const page = await parsed(response);
    if (page.getElementById("work")) {
      show(page, item.id);
      return;
    }
    // Signed out, or out and in again meanwhile: what was typed stays, and goes with the token of the new session.
    if (again && response.status === 400 && await renewed()) {
      await send(form, false);
      return;
    }
    tell(item, page.getElementById("password")
      ? gettext("You are signed out, so nothing is changed. Sign in in another tab, then do this again: what you typed is still here.")
      : gettext("Nothing is changed. %(why)s", { why: page.querySelector("h1")?.textContent ?? "" }));
  } catch {
    tell(item, gettext("Mellow cannot be reached. Nothing is changed: try again in a moment."));
  }
  item.removeAttribute("aria-busy");
}

/** @param {Response} response */
const parsed = async (response) => new DOMParser().parseFromString(await response.text(), "text/html");

// Whether this page, asked for anew, has another token than its forms have.
async function renewed() {
  const page = await parsed(await fetch(location.href));
  const token = page.getElementById("work") && page.querySelector('meta[name="csrf-token"]')?.getAttribute("content");
  const fields = all(document, 'input[name="csrf_token"]', HTMLInputElement);
  if (!token || fields.every((field) => field.value === token)) return false;
  for (const field of fields) field.value = token;
  return true;
}

/** @param {Document} page @param {string} before id of the item whose form was sent */
function show(page, before) {
  const fresh = document.adoptNode(one(page, "#work", HTMLElement));
  main.querySelectorAll(":scope > .alert").forEach((note) => note.remove());
  element("work").replaceWith(fresh);
  const here = document.getElementById(fresh.dataset.here ?? "") ?? document.getElementById(before);
  const note = page.querySelector("#content > .alert");
  if (note) announce([...note.childNodes], here);
  begin();
  (here ?? element("judgments-title")).focus();
}

/**
 * What was done is said where the eye is: at the top of the item, or of the list if the item has left it.
 *
 * @param {Node[]} words
 * @param {HTMLElement | null} item
 */
function announce(words, item) {
  const note = make("p", { className: "alert alert-success done", role: "status" });
  if (item) item.prepend(note);
  else element("judgments-title").after(note);
  requestAnimationFrame(() => { note.append(...words); }); // a status is read when it changes
}

/** @param {HTMLElement} item @param {string} sentence */
function tell(item, sentence) {
  item.querySelector(".alert")?.remove();
  one(item, ".deeds", HTMLElement).before(make("p", { className: "alert alert-danger", role: "alert" }, sentence));
}

// The texts of a judgment say what was best, and what was not is compared with that.
function mark() {
  for (const text of all(document, "[data-best]", HTMLElement)) {
    text.replaceChildren(...marked(text.dataset.best ?? "", text.textContent));
  }
  element("legend").hidden = false;
}

function begin() {
  if (document.getElementById("legend")) mark();
  element("judgments-title").tabIndex = -1;
  const veil = element("veil");
  veil.hidden = false;
  veil.addEventListener("click", () => {
    const veiled = element("work").classList.toggle("veiled");
    veil.setAttribute("aria-pressed", String(veiled));
  });
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.method !== "post" || !around(form, ".judgment")) return;
  event.preventDefault();
  send(form);
});
begin();
