// Seconds that a screen was in view.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Stopwatch } from "../../../static/js/desk/stopwatch.js";

class Tab extends EventTarget {
  hidden = false;
  now = 0;

  show(yes, after) {
    this.now += after;
    this.hidden = !yes;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

test("a tab in the background does not count", () => {
  const tab = new Tab();
  const watch = new Stopwatch(tab, () => tab.now);
  tab.show(false, 2000);
  tab.show(true, 60_000);
  tab.now += 1500;
  assert.equal(watch.seconds(), 3.5);
});

test("a screen that comes while nobody looks counts from when somebody does", () => {
  const tab = new Tab();
  tab.hidden = true;
  const watch = new Stopwatch(tab, () => tab.now);
  tab.show(true, 5000);
  tab.now += 1000;
  assert.equal(watch.seconds(), 1);
});

test("a stopped watch hears of nothing more", () => {
  const tab = new Tab();
  const watch = new Stopwatch(tab, () => tab.now);
  tab.show(false, 1000);
  assert.equal(watch.stop(), 1);
  tab.show(true, 1000);
  tab.now += 1000;
  assert.equal(watch.seconds(), 1);
});
