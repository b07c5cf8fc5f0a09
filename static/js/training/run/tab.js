// The tab of a run's page: title and icon tell how far the run is, and how it ended, also while another tab is open.

import { one } from "../../shared/dom.js";
import { gettext } from "../../shared/words.js";
import { STATUSES } from "./run_words.js";

/** @import { Run } from "../../types" */

const NAME = document.title;
const GREEN = "#23695a";
/** @type {Record<string, [ground: string, sign: string]>} */
const ENDS = {
  succeeded: ["#1b7f4d", "M9 16.5l5 5 9-10"],
  failed: ["#b02a37", "M10 10l12 12M22 10l-12 12"],
  cancelled: ["#6c757d", "M9 16h14"],
};

/** @param {Run} run */
export function showInTab(run) {
  const ended = ENDS[run.status];
  const percent = Math.round(run.progress * 100);
  const how = ended ? STATUSES[run.status] : run.status === "queued" ? gettext("waiting") : `${percent} %`;
  document.title = `${how} · ${NAME}`;
  const icon = ended ? sign(...ended) : ring(percent);
  one(document, 'link[rel="icon"]', HTMLLinkElement).href = `data:image/svg+xml,${encodeURIComponent(icon)}`;
}

/** @param {string} ground @param {string} path */
const sign = (ground, path) => svg(
  `<circle cx="16" cy="16" r="15" fill="${ground}"/><path d="${path}" fill="none" stroke="#fff" stroke-width="3.5" stroke-linecap="round"/>`,
);

/** @param {number} percent */
const ring = (percent) => svg(
  `<circle cx="16" cy="16" r="12" fill="#fff" stroke="#b9c7c1" stroke-width="6"/><circle cx="16" cy="16" r="12" fill="none" stroke="${GREEN}" `
  + `stroke-width="6" pathLength="100" stroke-dasharray="${percent} 100" transform="rotate(-90 16 16)"/>`,
);

/** @param {string} content */
const svg = (content) => `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${content}</svg>`;
