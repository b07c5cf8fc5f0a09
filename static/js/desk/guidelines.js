// The guidelines panel of the desk. It is not modal: the keys 1, 2, 3 and the rest work while it is open.
// G, or anything with data-opens="guidelines", opens and closes it; Escape closes it while the focus is inside.

import { call } from "../shared/api.js";
import "./zone.js";

const panel = document.getElementById("guidelines");
const text = document.getElementById("guidelines-text");
const problem = document.getElementById("guidelines-problem");
const OPENERS = '[data-opens="guidelines"]';
let before = null; // what had the focus when it was opened

async function fetchText() {
  try {
    const { html } = await call("GET", "/guidelines");
    if (text.innerHTML !== html) text.innerHTML = html; // cleaned by the server
    problem.hidden = true;
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  } finally {
    text.setAttribute("aria-busy", "false");
    // What scrolls must be reachable with the keys.
    if (panel.scrollHeight > panel.clientHeight) text.tabIndex = 0;
    else text.removeAttribute("tabindex");
  }
}

function tell() {
  for (const opener of document.querySelectorAll(OPENERS)) opener.setAttribute("aria-expanded", String(panel.open));
}

export function open() {
  if (panel.open) return;
  before = document.activeElement;
  panel.show();
  document.getElementById("guidelines-title").focus();
  document.body.classList.add("guidelines-open");
  tell();
  fetchText();
}

export function close() {
  if (!panel.open) return;
  const within = panel.contains(document.activeElement);
  panel.close();
  document.body.classList.remove("guidelines-open");
  tell();
  if (within && before?.isConnected) before.focus();
}

export function toggle() {
  if (panel.open) close();
  else open();
}

function typing(target) {
  return target.closest?.("input, textarea, select, [contenteditable]");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented) return;
  if (event.key === "Escape" && panel.contains(event.target)) {
    event.preventDefault();
    close();
  } else if (event.key.toLowerCase() === "g" && !typing(event.target) && !document.querySelector("dialog:modal")) {
    event.preventDefault();
    toggle();
  }
});
document.addEventListener("click", (event) => {
  if (event.target.closest(OPENERS)) toggle();
  if (event.target.closest('[data-closes="guidelines"]')) close();
});
tell();
