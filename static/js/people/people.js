// Copies a link that is shown once. Without a clipboard (a page over plain HTTP) the link is selected, ready to be copied by key.

import { element } from "../shared/dom.js";
import { gettext } from "../shared/words.js";

const link = element("link", HTMLInputElement);
const copied = element("copied");

element("copy").addEventListener("click", async () => {
  link.select();
  try {
    await navigator.clipboard.writeText(link.value);
    copied.textContent = gettext("Copied.");
  } catch {
    copied.textContent = gettext("The link is selected: press Ctrl+C, or ⌘C, to copy it.");
  }
});
link.focus();
link.select();
