// How much was judged, how quickly, and when it is time for a break. Figures, no praise.

import { Drawer, desk, element } from "./page.js";

const LONGEST_LOOK = 120; // seconds; longer means that somebody was away
const PAUSE = 5 * 60_000; // milliseconds without a gesture that make a break
const AGAIN = 15 * 60_000; // a break that was put off is suggested again after this
const number = (name) => Number(desk.dataset[name]);
const drawer = new Drawer(localStorage, "work");

let sitting = number("sitting");
let today = number("today");
let timed = number("todayTimed");
let seconds = number("todaySeconds");
const streak = number("streak") - (today > 0 ? 1 : 0); // without today

export function count(gestures, looked) {
  sitting = Math.max(0, sitting + gestures);
  today = Math.max(0, today + gestures);
  timed = Math.max(0, timed + gestures);
  seconds = Math.max(0, seconds + gestures * Math.min(looked, LONGEST_LOOK));
  if (gestures > 0) work();
  show();
}

function show() {
  const days = streak + (today > 0 ? 1 : 0);
  element("tally").textContent = sitting > 0 ? `${sitting} judged in this sitting` : "";
  element("today").textContent = today > sitting ? `${today} today` : "";
  element("pace").textContent = timed >= 3 && seconds > 0 ? `${((60 * timed) / seconds).toFixed(1)} a minute` : "";
  element("streak").textContent = days > 1 ? `${days} days in a row` : "";
}

// The time of work goes on over reloads, and begins anew after a pause.
function work() {
  const limit = number("breakMinutes") * 60_000;
  const now = Date.now();
  const kept = drawer.get("now");
  const since = kept && now - kept.last < PAUSE ? kept.since : now;
  drawer.put("now", { since, last: now });
  if (!limit || now - since < limit) return;
  const minutes = Math.round((now - since) / 60_000);
  element("break-text").textContent = `You have worked for ${minutes} minutes. A few minutes away do good; nothing here is lost.`;
  element("break").hidden = false;
}

element("break-over").addEventListener("click", () => {
  const now = Date.now();
  drawer.put("now", { since: now - number("breakMinutes") * 60_000 + AGAIN, last: now });
  element("break").hidden = true;
});
show();
