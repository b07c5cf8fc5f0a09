// Going on with a conversation: the next message is sent with all that was said, and with the answer that was chosen.

import { element } from "../../shared/dom.js";
import { shortened } from "../../shared/text.js";
import { gettext } from "../../shared/words.js";
import { person } from "../page.js";

/** @import { KeyedJudgment, Turn } from "../../types" */
/** @import { Shown } from "../screens.js" */
/** @typedef {{ body: KeyedJudgment, screen: Shown }} Deed */

const button = element("go-on", HTMLButtonElement);
const strip = element("going-on");
const text = element("text", HTMLTextAreaElement);
const kept = `mellow.conversation.${person}`; // in the tab's own storage, as what is typed
/** @type {Turn[] | null} */
let offered = null; // what the button goes on with
/** @type {Turn[] | null} */
let current = null; // what the message that is typed belongs to
/** @type {Turn[] | null} */
let sent = null; // what the message that is being answered belongs to

// What was said before the message that is sent now; nothing where it begins a conversation.
export function turns() {
  strip.hidden = true;
  sent = current;
  return current ?? undefined;
}

// The message that was sent is back in its box.
export function back() {
  strip.hidden = !current;
}

/** @param {Deed | undefined} deed the latest one */
export function offer(deed) {
  const answer = deed && chosen(deed);
  offered = answer ? after(deed.screen, answer) : null;
  button.hidden = !offered;
}

// Whether there is a conversation to go on with.
export function goOn() {
  if (!offered) return false;
  set([...offered]); // not what may be on its way
  text.focus();
  return true;
}

// The next message begins a conversation, unless another one was taken up while the last was answered.
export function begin() {
  if (current === sent) set(null);
}

/** @param {Deed} deed */
function chosen({ body, screen }) {
  if (body.verdict === "edited") return body.edited_text;
  if (body.verdict !== "chosen") return undefined;
  return screen.candidates.find(({ id }) => id === body.candidate_id)?.text;
}

/** @param {Shown} screen @param {string} answer @returns {Turn[]} */
const after = (screen, answer) => [
  ...(screen.turns ?? []),
  { role: "user", content: screen.text },
  { role: "assistant", content: answer },
];

/** @param {Turn[] | null} said */
function set(said) {
  current = said;
  sessionStorage.setItem(kept, JSON.stringify(said));
  strip.hidden = !said;
  const last = shortened(said?.at(-1)?.content ?? "");
  element("going-on-text").textContent = said ? gettext("You answer: “%(text)s”", { text: last }) : "";
}

button.addEventListener("click", goOn);
element("going-on-leave").addEventListener("click", () => { set(null); text.focus(); });
set(JSON.parse(sessionStorage.getItem(kept) ?? "null"));
