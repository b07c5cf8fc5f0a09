// What a chart makes of the values of its lines.

import assert from "node:assert/strict";
import { test } from "node:test";

import "../support/page.js";
import { csv, ends, joined, lastUpTo, smoothed, tick } from "../../../static/js/training/charts/points.js";

test("smoothing is a moving average that its beginning does not pull towards zero", () => {
  // 0.5 * 4 / 0.5 = 4; (0.5 * 2 + 0.5 * 8) / 0.75 = 20 / 3
  assert.deepEqual(smoothed([4, 8], 0.5), [4, 20 / 3]);
  assert.deepEqual(smoothed([3, 3, 3], 0.95).map((value) => value.toFixed(6)), ["3.000000", "3.000000", "3.000000"]);
  assert.deepEqual(smoothed([4, 8, -1], 0), [4, 8, -1]);
  assert.deepEqual(smoothed([], 0.6), []);
});

test("lines are laid beside each other by their steps", () => {
  const { steps, columns } = joined([[[1, 0.5], [10, 0.25]], [[2, 7], [10, 8]], []]);
  assert.deepEqual(steps, [1, 2, 10]);
  assert.deepEqual(columns, [[0.5, null, 0.25], [null, 7, 8], [null, null, null]]);
});

test("where a line has no value, its last one before counts", () => {
  const column = [null, 5, null, 6, null];
  assert.deepEqual([0, 1, 2, 3, 4, 99].map((row) => lastUpTo(column, row)), [-1, 1, 1, 3, 3, 3]);
});

test("an axis begins or ends at zero, a fitted one around its values, and none is without length", () => {
  assert.deepEqual(ends(0.2, 2, false), [0, 2.1]);
  assert.deepEqual(ends(-3, -1, false), [-3.15, 0]);
  assert.deepEqual(ends(10, 20, true), [9.5, 20.5]);
  for (const fitted of [true, false]) {
    for (const value of [0, -0, 5, -5]) {
      const [low, high] = ends(value, value, fitted);
      assert.ok(high > low, `${value} ${fitted}`);
    }
  }
});

test("values beside an axis are as exact as their distance asks for", () => {
  assert.equal(tick(0, 0.5), "0");
  assert.equal(tick(0.5, 0.5), "0.5");
  assert.equal(tick(0.25, 0.05), "0.25");
  assert.equal(tick(20, 20), "20");
  assert.equal(tick(10000, 5000), "10,000");
  assert.equal(tick(-22.5, 2.5), "-22.5");
  assert.deepEqual([0.001, 0.0005].map((value) => tick(value, 0.0005)), ["1e-3", "5e-4"]);
  assert.equal(tick(-52.3, 0.1), "-52.3");
});

test("values are saved raw and smoothed, each under its name", () => {
  const text = csv(["loss", 'a "b"'], [1, 2], [[0.5, 0.25], [null, 7]], [[0.5, 0.4], [null, 7]]);
  assert.equal(text, 'step,"loss","loss, smoothed","a ""b""","a ""b"", smoothed"\r\n1,0.5,0.5,,\r\n2,0.25,0.4,7,7\r\n');
});
