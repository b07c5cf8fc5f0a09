// How large, how wide and in which letters texts are shown. What a person decides shows at once and is remembered.

import { all, element } from "../../shared/dom.js";
import { desk } from "../page.js";
import { store } from "../settings.js";

/** What each setting is called on the page. */
const SHOWN = new Map([["text_size", "textSize"], ["width", "width"], ["font", "font"]]);
const box = element("appearance", HTMLDialogElement);

for (const choice of all(box, "input", HTMLInputElement)) {
  choice.addEventListener("change", () => {
    desk.dataset[SHOWN.get(choice.name) ?? ""] = choice.value;
    store({ [choice.name]: choice.value }).catch(() => {}); // it holds for this page at least
  });
}
element("appearance-open").addEventListener("click", () => box.showModal());
