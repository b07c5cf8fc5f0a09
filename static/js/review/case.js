// One key for each deed on the page of a case, as on the desk; a deed is what one click on it does.

import { all, element, one, typing } from "../shared/dom.js";
import { asked, leaves, sends } from "../shared/keys.js";

const deeds = new Map(all(document, "[data-key]", HTMLElement).map((deed) => [deed.dataset.key ?? "", deed]));
const edited = document.getElementById("edited");
const veil = element("veil");
let done = false; // a second press before the next page comes must not decide that one

/** @param {HTMLElement} deed */
function act(deed) {
  if (deed.matches("input, textarea")) {
    deed.focus();
    return;
  }
  if (deed.matches(":disabled")) return;
  done = deed !== veil;
  deed.click();
}

veil.hidden = false;
veil.addEventListener("click", () => {
  veil.setAttribute("aria-pressed", String(element("review").classList.toggle("veiled")));
});
addEventListener("pageshow", () => { done = false; }); // also when the browser comes back to this page
document.addEventListener("keydown", (event) => {
  const { target } = event;
  if (target instanceof HTMLElement && typing(target)) {
    if (leaves(event)) target.blur();
    if (target === edited && sends(event)) {
      event.preventDefault();
      one(document, '[data-sends="edited"]', HTMLElement).click();
    }
    return;
  }
  const meant = done || event.repeat ? null : asked(event, deeds);
  if (!meant) return;
  event.preventDefault(); // or the character would land in the field that takes the focus
  act(meant.command);
});
