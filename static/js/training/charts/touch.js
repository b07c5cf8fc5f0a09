// Zoom by touch: two fingers spread or squeeze the part of the run that is shown, one finger moves it and tells values.

import { one } from "../../shared/dom.js";

/** @import { Chart } from "./chart.js" */
/** @typedef {{ min: number, max: number }} Range steps, or shares of the run */

const CLOSEST = 0.02; // the least share of the run that is shown
const TOGETHER = 0.05; // a share of the width; fingers that are closer than that count as being this far apart

/**
 * The range that is shown once fingers have moved: what was between them stays between them.
 *
 * @param {Range} range what was shown before
 * @param {number[]} before where one or two fingers were, as shares of the width
 * @param {number[]} after where they are now
 * @param {number} end of the whole run
 * @returns {Range}
 */
export function moved({ min, max }, before, after, end) {
  const wanted = ((max - min) * spread(before)) / spread(after);
  const width = Math.min(end, Math.max(CLOSEST * end, wanted));
  const step = min + middle(before) * (max - min);
  const from = Math.min(end - width, Math.max(0, step - middle(after) * width));
  return { min: from, max: from + width };
}

/** @param {number[]} places */
const spread = (places) => Math.max(TOGETHER, Math.max(...places) - Math.min(...places));

/** @param {number[]} places */
const middle = (places) => (Math.max(...places) + Math.min(...places)) / 2;

/** @param {Chart} chart */
export function listenToTouch(chart) {
  /** @type {Map<number, number>} where each finger is, as a share of the width, by its pointer */
  const fingers = new Map();

  /** @param {PointerEvent} event */
  function place({ clientX }) {
    const { left, width } = one(chart.plot, ".u-over", HTMLElement).getBoundingClientRect();
    return (clientX - left) / width;
  }

  chart.plot.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch" || !chart.uplot || fingers.size === 2) return;
    event.preventDefault(); // no mouse that follows the finger moves the crosshair as well
    fingers.set(event.pointerId, place(event));
    chart.charts.point(place(event));
  });
  chart.plot.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    const before = [...fingers.values()];
    fingers.set(event.pointerId, place(event));
    chart.charts.show(moved(chart.charts.zoom ?? { min: 0, max: chart.end }, before, [...fingers.values()], chart.end), chart.end);
  });
  for (const ended of /** @type {const} */ (["pointerup", "pointercancel"])) {
    chart.plot.addEventListener(ended, ({ pointerId }) => fingers.delete(pointerId));
  }
}
