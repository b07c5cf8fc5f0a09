// Shows moments in the time of the reader; what the server wrote, which is UTC, stands in the title.

const local = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "short" }); // 2026-03-01 23:59, as the server writes

/** @param {ParentNode} within */
function showLocal(within) {
  for (const time of within.querySelectorAll("time[data-moment]:not([title])")) {
    const moment = new Date(time.getAttribute("datetime") ?? "");
    if (Number.isNaN(moment.getTime())) continue;
    time.setAttribute("title", time.getAttribute("data-moment") || (time.textContent ?? ""));
    if (!time.getAttribute("data-moment")) time.textContent = local.format(moment);
  }
}

showLocal(document);
new MutationObserver((changes) => {
  for (const change of changes) for (const node of change.addedNodes) if (node instanceof Element) showLocal(node);
}).observe(document.body, { childList: true, subtree: true });
