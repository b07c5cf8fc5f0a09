// The figures of one's own work below the desk's bar, and the suggestion of a break. Figures, no praise.

import { element } from "../../shared/dom.js";
import { gettext } from "../../shared/words.js";
import { Drawer } from "../drawer.js";
import { desk, person } from "../page.js";
import { Assigned } from "./assigned.js";
import { Breaks, Tally } from "./pace.js";

/** @param {string} name */
const number = (name) => Number(desk.dataset[name]);
const tally = new Tally(
  number("sitting"),
  number("today"),
  number("todayTimed"),
  number("todaySeconds"),
  number("streak"),
  Date.now() - 1000 * number("sittingIdle"),
  60_000 * number("sittingPause"),
  number("left"),
  number("mostLeft"),
);
const assigned = new Assigned(number("assigned"), desk.dataset.due ?? "", number("mostLeft"));
const TITLE = document.title;
const breaks = new Breaks(new Drawer(localStorage, "work", person), number("breakMinutes"));

/** @param {1 | -1} gestures made or taken back @param {number} looked seconds @param {boolean} queued whether on the queue's */
export function count(gestures, looked, queued) {
  tally.count(gestures, looked, queued);
  if (queued) assigned.count(gestures);
  const minutes = gestures > 0 ? breaks.worked() : 0;
  if (minutes) {
    element("break-text").textContent = gettext(
      "You have worked for %(minutes)s minutes. A few minutes away do good; nothing here is lost.",
      { minutes },
    );
    element("break").hidden = false;
  }
  show();
}

function show() {
  for (const [place, figure] of Object.entries(tally.figures())) element(place).textContent = figure;
  element("assigned").textContent = assigned.sentence();
  document.title = tally.waiting() ? `(${tally.waiting()}) ${TITLE}` : TITLE;
}

// A desk that was left open says how it is now.
document.addEventListener("visibilitychange", show);
setInterval(show, 60_000);
element("break-over").addEventListener("click", () => {
  breaks.putOff();
  element("break").hidden = true;
});
show();
