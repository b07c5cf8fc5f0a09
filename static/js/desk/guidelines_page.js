// Shows the guidelines as they are typed; what is shown was cleaned by the server.

import { call } from "../shared/api.js";

const markdown = document.getElementById("markdown");
const preview = document.getElementById("preview");
const problem = document.getElementById("preview-problem");
const draft = document.getElementById("draft");
const stored = markdown.defaultValue;
const kept = "mellow.guidelines.draft";
let waiting = null;
let latest = 0;

async function render() {
  const turn = ++latest;
  try {
    const { html } = await call("POST", "/guidelines/preview", { markdown: markdown.value });
    if (turn !== latest) return; // an answer to what was typed since is on its way
    preview.innerHTML = html;
    problem.hidden = true;
  } catch (error) {
    problem.textContent = `The preview is behind. ${error.message}`;
    problem.hidden = false;
  }
}

markdown.addEventListener("input", () => {
  localStorage.setItem(kept, markdown.value);
  clearTimeout(waiting);
  waiting = setTimeout(render, 200);
});
document.getElementById("draft-discard").addEventListener("click", () => {
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
