// How uPlot draws a chart: axes with round values, faint raw lines behind the smoothed ones, one crosshair for all charts.

import { ends, tick } from "./points.js";

/** @import { Chart } from "./chart.js" */

/** Lines are told apart by more than their colours, as swatches are. */
export const DASHES = [[], [8, 4], [2, 4], [12, 3, 2, 3], [5, 2], [1, 3]];
const STEPS = [1, 2, 5].flatMap((digit) => Array.from({ length: 8 }, (_, power) => digit * 10 ** power)).sort((one, other) => one - other);
const LETTER = 7; // pixels of a digit beside the axis

/**
 * @param {Chart} chart
 * @param {{ width: number, height: number }} size
 * @returns {uPlot.Options}
 */
export function options(chart, size) {
  const lines = [...chart.lines.values()];
  return {
    ...size,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: true, y: false, dist: 5 },
      sync: { key: "charts" },
      points: { size: (/** @type {uPlot} */ _, /** @type {number} */ series) => (series > lines.length ? 8 : 0) },
      bind: { dblclick: () => () => { chart.charts.whole(); return null; } },
    },
    scales: { x: { time: false, auto: false }, y: chart.log ? { distr: 3 } : { range: range(chart) } },
    axes: [
      axis(chart, chart.unit === "step" ? { size: 30, incrs: STEPS, values: ticks(tick) } : { size: 30, values: ticks(percent) }),
      axis(chart, { size: width, values: ticks(chart.log ? (value) => tick(value, value) : tick) }),
    ],
    series: [{}, ...lines.map(({ number }) => line(chart, number, true)), ...lines.map(({ number }) => line(chart, number, false))],
    hooks: {
      setCursor: [(/** @type {uPlot} */ uplot) => chart.tell(uplot.cursor.idx ?? null)],
      setScale: [(/** @type {uPlot} */ uplot, /** @type {string} */ key) => { if (key === "x") chart.charts.zoomed(chart, uplot.scales.x); }],
      draw: [(/** @type {uPlot} */ uplot) => chart.drawMarks(uplot)],
    },
  };
}

/** @param {Chart} chart */
const range = (chart) => (/** @type {uPlot} */ _, /** @type {number | null} */ least, /** @type {number | null} */ greatest) => (
  least === null || greatest === null ? [0, 1] : ends(least, greatest, chart.fitted)
);

/** @param {uPlot} _ @param {string[] | null} values */
const width = (_, values) => 18 + LETTER * Math.max(3, ...(values ?? []).map((value) => value.length));

/** @param {number} share */
const percent = (share) => `${Math.round(share * 100)} %`;

/** @param {(value: number, distance: number) => string} said */
const ticks = (said) => (
  /** @type {uPlot} */ _, /** @type {(number | null)[]} */ values, /** @type {number} */ __, /** @type {number} */ ___, /** @type {number} */ distance,
) => values.map((value) => (value === null ? "" : said(value, distance)));

/** @param {Chart} chart @param {Record<string, unknown>} own */
function axis(chart, own) {
  const look = () => chart.look();
  return {
    ...own,
    font: `12px ${look().font}`,
    stroke: () => look().text,
    grid: { stroke: () => look().grid, width: 1 },
    ticks: { stroke: () => look().grid, width: 1, size: 4 },
    gap: 4,
  };
}

/** @param {Chart} chart @param {number} number @param {boolean} raw */
function line(chart, number, raw) {
  return {
    stroke: () => chart.color(number),
    width: raw ? 1 : 2.5,
    alpha: raw ? 0.35 : 1,
    dash: DASHES[number - 1],
    spanGaps: true,
    points: { show: (/** @type {uPlot} */ _, /** @type {number} */ __, /** @type {number} */ first, /** @type {number} */ last) => !raw && last === first },
  };
}
