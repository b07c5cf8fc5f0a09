// The guidelines panel of the desk. It is not modal: the keys 1, 2, 3 and the rest work while it is open.
// Anything with data-opens="guidelines" opens and closes it, as the key of the desk does; Escape closes it while the focus is inside.

import { ApiError, call } from "../shared/api.js";
import { all, around, element, say } from "../shared/dom.js";
import { leaves, modified } from "../shared/keys.js";
import "./zone.js";

const panel = element("guidelines", HTMLDialogElement);
const text = element("guidelines-text");
const OPENERS = '[data-opens="guidelines"]';
/** @type {Element | null} */
let before = null; // what had the focus when it was opened

async function fetchText() {
  try {
    /** @type {{ html: string }} */
    const { html } = await call("GET", "/guidelines");
    if (text.innerHTML !== html) text.innerHTML = html; // cleaned by the server
    say("guidelines-problem", "");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    say("guidelines-problem", error.message);
  } finally {
    text.setAttribute("aria-busy", "false");
    // What scrolls must be reachable with the keys.
    if (panel.scrollHeight > panel.clientHeight) text.tabIndex = 0;
    else text.removeAttribute("tabindex");
  }
}

function tell() {
  for (const opener of all(document, OPENERS, HTMLElement)) opener.setAttribute("aria-expanded", String(panel.open));
}

export function open() {
  if (panel.open) return;
  before = document.activeElement;
  panel.show();
  element("guidelines-title").focus();
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
  if (within && before instanceof HTMLElement && before.isConnected) before.focus();
}

export function toggle() {
  if (panel.open) close();
  else open();
}

document.addEventListener("keydown", (event) => {
  if (modified(event) || event.repeat || event.defaultPrevented) return;
  if (!leaves(event) || !around(event.target, "#guidelines")) return;
  event.preventDefault();
  close();
});
document.addEventListener("click", (event) => {
  if (around(event.target, OPENERS)) toggle();
  if (around(event.target, '[data-closes="guidelines"]')) close();
});
tell();
