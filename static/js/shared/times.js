// Shows moments in the time of the reader; what the server wrote, which is UTC, stands in the title.

import { language } from "./words.js";

const dates = language === "en" ? "sv-SE" : language; // Swedish is 2026-03-01 23:59, as the server writes in English

/** @param {"short" | "medium"} timeStyle */
const format = (timeStyle) => new Intl.DateTimeFormat(dates, { dateStyle: dates === "sv-SE" ? "short" : "medium", timeStyle });
const [toMinutes, toSeconds] = [format("short"), format("medium")];

/** @param {ParentNode} within */
function showLocal(within) {
  for (const time of within.querySelectorAll("time[data-moment]:not([title])")) {
    const moment = new Date(time.getAttribute("datetime") ?? "");
    if (Number.isNaN(moment.getTime())) continue;
    const said = time.textContent ?? "";
    time.setAttribute("title", said);
    time.textContent = (/:\d\d:\d\d/.test(said) ? toSeconds : toMinutes).format(moment);
  }
}

showLocal(document);
new MutationObserver((changes) => {
  for (const change of changes) for (const node of change.addedNodes) if (node instanceof Element) showLocal(node);
}).observe(document.body, { childList: true, subtree: true });
