// What a chart makes of the values of its lines: smoothed, side by side, as text.

import { language } from "../../shared/words.js";

/** @typedef {[step: number, value: number]} Point */

/**
 * The exponential moving average of values, corrected for its beginning (Kingma and Ba 2015, section 3), as Weights & Biases has it.
 *
 * @param {number[]} values
 * @param {number} strength from 0, which changes nothing, to below 1
 */
export function smoothed(values, strength) {
  let sum = 0;
  let weight = 0;
  return values.map((value) => {
    sum = strength * sum + (1 - strength) * value;
    weight = strength * weight + (1 - strength);
    return sum / weight;
  });
}

/**
 * Lines of points beside each other: the steps that any of them has, and for each line its value there, or null.
 *
 * @param {Point[][]} lines each in the order of its steps
 */
export function joined(lines) {
  const steps = [...new Set(lines.flat().map(([step]) => step))].sort((one, other) => one - other);
  const columns = lines.map((points) => {
    const known = new Map(points);
    return steps.map((step) => known.get(step) ?? null);
  });
  return { steps, columns };
}

/**
 * The place of the last value of a column up to a row; -1 where there is none.
 *
 * @param {(number | null)[]} column
 * @param {number} row
 */
export const lastUpTo = (column, row) => column.findLastIndex((value, place) => place <= row && value !== null);

/**
 * The least and the greatest value of an axis: from zero, or, for values that move little and far from it, right around them.
 *
 * @param {number} least
 * @param {number} greatest
 * @param {boolean} fitted
 * @returns {[number, number]}
 */
export function ends(least, greatest, fitted) {
  const [low, high] = fitted ? [least, greatest] : [Math.min(0, least), Math.max(0, greatest)];
  const room = (high - low || Math.abs(high) || 1) / 20;
  return [fitted || low < 0 ? low - room : low, fitted || high > 0 || low === high ? high + room : high];
}

/**
 * A value beside an axis, as exact as the distance to the next one asks for.
 *
 * @param {number} value
 * @param {number} distance
 */
export function tick(value, distance) {
  if (value === 0) return "0";
  if (distance < 0.001) return Number(value.toPrecision(3)).toExponential();
  const places = [0, 1, 2, 3, 4].find((count) => Number.isInteger(Number((distance * 10 ** count).toPrecision(9)))) ?? 5;
  return value.toLocaleString(language, { minimumFractionDigits: places, maximumFractionDigits: places });
}

/**
 * The lines as a file of comma-separated values, raw and smoothed.
 *
 * @param {string[]} names
 * @param {number[]} steps
 * @param {(number | null)[][]} raw
 * @param {(number | null)[][]} smooth
 */
export function csv(names, steps, raw, smooth) {
  const quoted = names.map((name) => name.replaceAll('"', '""'));
  const head = ["step", ...quoted.flatMap((name) => [`"${name}"`, `"${name}, smoothed"`])];
  const rows = steps.map((step, row) => [step, ...raw.flatMap((column, line) => [column[row] ?? "", smooth[line][row] ?? ""])]);
  return [head, ...rows].map((row) => row.join(",")).join("\r\n") + "\r\n";
}
