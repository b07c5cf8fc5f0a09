// Rows of a table that are selected for an action: all at once, with their number beside the actions.

import { all } from "./dom.js";

/** Counts the selected rows wherever the page says so, and lets nothing be done with none. */
export function watchRows() {
  const boxes = all(document, "[data-pick]", HTMLInputElement);
  const whole = document.querySelector("[data-pick-all]");
  const counters = all(document, "[data-picked]", HTMLElement);
  const actions = all(document, "[data-on-picked]", HTMLButtonElement);

  const show = () => {
    const number = boxes.filter((box) => box.checked).length;
    for (const counter of counters) counter.textContent = String(number);
    for (const action of actions) action.disabled = number === 0;
    if (whole instanceof HTMLInputElement) {
      whole.checked = number > 0 && number === boxes.length;
      whole.indeterminate = number > 0 && number < boxes.length;
    }
  };

  if (whole instanceof HTMLInputElement) {
    whole.hidden = false;
    whole.addEventListener("change", () => {
      for (const box of boxes) box.checked = whole.checked;
      show();
    });
  }
  for (const box of boxes) box.addEventListener("change", show);
  for (const action of actions) {
    const field = action.previousElementSibling;
    field?.addEventListener("keydown", (event) => {
      if (!(event instanceof KeyboardEvent) || event.key !== "Enter" || !(field instanceof HTMLInputElement)) return;
      event.preventDefault(); // else Enter would press the first button of the form
      action.click();
    });
  }
  addEventListener("pageshow", show); // a browser that comes back to the page keeps the ticks
  show();
}
