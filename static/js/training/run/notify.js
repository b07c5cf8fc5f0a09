// A notification of the browser when a run ends, for whoever asks for it on the page; it comes while the page is open in a tab.

import { element, say } from "../../shared/dom.js";
import { gettext } from "../../shared/words.js";

const button = element("tell-me", HTMLButtonElement);
const possible = "Notification" in window && isSecureContext;
let wanted = false;

/** Shows the button while the run goes on, where the browser has notifications. */
export function offerNotification() {
  button.hidden = !possible;
  button.addEventListener("click", async () => {
    if (wanted) return stop();
    wanted = (await Notification.requestPermission()) === "granted";
    button.setAttribute("aria-pressed", String(wanted));
    say("told", wanted
      ? gettext("You will be told when it ends, as long as this page is open.")
      : gettext("The browser does not allow it: its settings for this site can be changed."));
  });
}

function stop() {
  wanted = false;
  button.setAttribute("aria-pressed", "false");
  say("told", "");
}

/**
 * Tells that the run has ended, if that was asked for.
 *
 * @param {string} title
 * @param {string} body
 */
export function notify(title, body) {
  button.hidden = true;
  say("told", "");
  if (!wanted) return;
  const note = new Notification(title, { body, tag: title });
  note.addEventListener("click", () => {
    window.focus();
    note.close();
  });
}
