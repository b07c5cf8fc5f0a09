// Shows the guidelines as they are typed; what is shown was cleaned by the server.

import { ApiError, call, root } from "../shared/api.js";
import { element, say } from "../shared/dom.js";
import { gettext } from "../shared/words.js";

const markdown = element("markdown", HTMLTextAreaElement);
const draft = element("draft");
const stored = markdown.defaultValue;
const kept = `mellow.guidelines.draft${root}`; // of this studio, where several share a host
let waiting = 0;
let latest = 0;

async function render() {
  const turn = ++latest;
  try {
    /** @type {{ html: string }} */
    const { html } = await call("POST", "/guidelines/preview", { markdown: markdown.value });
    if (turn !== latest) return; // an answer to what was typed since is on its way
    element("preview").innerHTML = html;
    say("preview-problem", "");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    say("preview-problem", gettext("The preview is behind. %(why)s", { why: error.message }));
  }
}

markdown.addEventListener("input", () => {
  localStorage.setItem(kept, markdown.value);
  clearTimeout(waiting);
  waiting = setTimeout(render, 200);
});
element("draft-discard").addEventListener("click", () => {
  localStorage.removeItem(kept);
  markdown.value = stored;
  draft.hidden = true;
  markdown.focus();
  render();
});

// What was typed and not saved comes back, whatever became of the page.
const found = localStorage.getItem(kept);
if (found !== null && found !== stored && !document.querySelector("[data-refused]")) {
  markdown.value = found;
  draft.hidden = false;
} else if (found === stored) localStorage.removeItem(kept);
if (markdown.value !== stored) render();
