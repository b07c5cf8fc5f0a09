// My work without reloading: the forms are sent in the background and the page that comes back takes the place of this
// one, with the focus where it was. Without this script they are forms as any other.

import "./zone.js";

const main = document.getElementById("content");

async function send(form, again = true) {
  const item = form.closest(".judgment");
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
      ? "You are signed out, so nothing is changed. Sign in in another tab, then do this again: what you typed is still here."
      : `Nothing is changed. ${page.querySelector("h1")?.textContent ?? ""}`);
  } catch {
    tell(item, "Mellow cannot be reached. Nothing is changed: try again in a moment.");
  }
  item.removeAttribute("aria-busy");
}

const parsed = async (response) => new DOMParser().parseFromString(await response.text(), "text/html");

// Whether this page, asked for anew, has another token than its forms have.
async function renewed() {
  const page = await parsed(await fetch(location.href));
  const token = page.getElementById("work") && page.querySelector('meta[name="csrf-token"]').content;
  const fields = [...document.querySelectorAll('input[name="csrf_token"]')];
  if (!token || fields.every((field) => field.value === token)) return false;
  for (const field of fields) field.value = token;
  return true;
}

function show(page, before) {
  const fresh = page.getElementById("work");
  main.querySelectorAll(":scope > .alert").forEach((note) => note.remove());
  document.getElementById("work").replaceWith(document.adoptNode(fresh));
  const here = document.getElementById(fresh.dataset.here) ?? document.getElementById(before);
  const note = page.querySelector("#content > .alert");
  if (note) announce([...note.childNodes], here);
  begin();
  (here ?? document.getElementById("judgments-title")).focus();
}

// What was done is said where the eye is: at the top of the item, or of the list if the item has left it.
function announce(words, item) {
  const note = document.createElement("p");
  note.className = "alert alert-success done";
  note.setAttribute("role", "status");
  if (item) item.prepend(note);
  else document.querySelector("#judgments-title").after(note);
  requestAnimationFrame(() => { note.append(...words); }); // a status is read when it changes
}

function tell(item, sentence) {
  item.querySelector(".alert")?.remove();
  const note = document.createElement("p");
  note.className = "alert alert-danger";
  note.setAttribute("role", "alert");
  note.textContent = sentence;
  item.querySelector(".deeds").before(note);
}

function begin() {
  document.getElementById("judgments-title").tabIndex = -1;
  const veil = document.getElementById("veil");
  veil.hidden = false;
  veil.addEventListener("click", () => {
    const veiled = document.getElementById("work").classList.toggle("veiled");
    veil.setAttribute("aria-pressed", String(veiled));
  });
}

document.addEventListener("submit", (event) => {
  if (event.target.method !== "post" || !event.target.closest(".judgment")) return;
  event.preventDefault();
  send(event.target);
});
begin();
