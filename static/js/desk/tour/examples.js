// What the desk offers while nothing waits: a few texts to try it with.

import { all, element } from "../../shared/dom.js";

const begin = element("begin");

/** @param {boolean} yes */
export function offer(yes) {
  begin.hidden = !yes;
}

/** @param {(text: string) => void} take what is done with the text of an example that was clicked */
export function onExample(take) {
  for (const button of all(begin, "[data-example]", HTMLButtonElement)) {
    button.addEventListener("click", () => take(button.textContent ?? ""));
  }
}
