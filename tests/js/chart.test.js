// Where the axis of a chart ends, and what stands beside it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ends, short } from "../../static/js/shared/chart.js";

test("an axis begins or ends at zero", () => {
  assert.deepEqual(ends([0.2, 0.7], false), [0, 0.7]);
  assert.deepEqual(ends([-3, -1], false), [-3, 0]);
  assert.deepEqual(ends([-1, 2], false), [-1, 2]);
});

test("a fitted axis has a tenth of room on both sides", () => {
  assert.deepEqual(ends([10, 20], true), [9, 21]);
  assert.deepEqual(ends([10, 10], true), [9, 11]);
  assert.deepEqual(ends([0, 0], true), [-0.1, 0.1]);
});

test("an axis is never without length", () => {
  for (const fitted of [true, false]) {
    for (const values of [[], [0], [0, 0], [-0], [5], [-5]]) {
      const [low, high] = ends(values, fitted);
      assert.ok(high > low, `${values} ${fitted}`);
    }
  }
});

test("many values are no trouble", () => {
  assert.deepEqual(ends(Array.from({ length: 300_000 }, (_, step) => step), false), [0, 299_999]);
});

test("labels are as long as the margin has room for", () => {
  assert.equal(short(0, false, 0.5), "0");
  assert.equal(short(0.123456, false, 0.5), "0.123");
  assert.equal(short(0.00123, false, 0.5), "0.0012");
  assert.equal(short(0.000123, false, 0.5), "1.2e-4");
  assert.equal(short(-1234.5, false, 0.5), "-1230");
  for (const value of [1e-9, 0.0099999, 0.3333333, 12.3456, 123456]) assert.ok(short(value, false, 1).length <= 7);
});

test("labels of a fitted axis tell neighbours apart", () => {
  assert.equal(short(-52.34, true, 0.05), "-52.34");
  assert.equal(short(1200, true, 100), "1200");
});
