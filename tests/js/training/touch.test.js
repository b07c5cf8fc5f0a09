// What a chart shows once fingers have moved over it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { moved } from "../../../static/js/training/charts/touch.js";

const WHOLE = { min: 0, max: 200 };

test("two fingers that part enlarge what is between them", () => {
  assert.deepEqual(moved(WHOLE, [0.25, 0.5], [0.125, 0.625], 200), { min: 37.5, max: 137.5 });
});

test("two fingers that come together show more again, up to the whole run", () => {
  assert.deepEqual(moved({ min: 50, max: 150 }, [0.25, 0.75], [0.375, 0.625], 200), WHOLE);
  assert.deepEqual(moved({ min: 50, max: 150 }, [0.1, 0.9], [0.5, 0.5], 200), WHOLE);
});

test("one finger moves what is shown, but not beyond the ends of the run", () => {
  assert.deepEqual(moved({ min: 50, max: 150 }, [0.75], [0.5], 200), { min: 75, max: 175 });
  assert.deepEqual(moved({ min: 50, max: 150 }, [0], [1], 200), { min: 0, max: 100 });
  assert.deepEqual(moved(WHOLE, [0.5], [0.1], 200), WHOLE);
});

test("no more than a fiftieth of the run fills the chart", () => {
  const { min, max } = moved({ min: 98, max: 102 }, [0.5, 0.5], [0, 1], 200);
  assert.equal(max - min, 4);
});
