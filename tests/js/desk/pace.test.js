// The figures of one's own work, and when it is time for a break.

import assert from "node:assert/strict";
import { test } from "node:test";

import "../support/page.js";
import { Drawer } from "../../../static/js/desk/drawer.js";
import { Breaks, Tally } from "../../../static/js/desk/figures/pace.js";
import { Cupboard } from "../support/cupboard.js";

const MINUTE = 60_000;
const PAUSE = 30 * MINUTE;

// A tally whose last judgment is just made.
const tallyOf = (...figures) => new Tally(...figures, Date.now(), PAUSE);

const EMPTY = { progress: "", remaining: "", tally: "", streak: "" };

test("figures are said only where they say something", () => {
  assert.deepEqual(tallyOf(0, 0, 0, 0, 0).figures(), EMPTY);
  assert.deepEqual(tallyOf(4, 10, 10, 120, 3).figures(), {
    progress: "10 today",
    remaining: "",
    tally: "4 judged in this sitting",
    streak: "3 days in a row",
  });
  assert.equal(tallyOf(4, 4, 4, 20, 1).figures().tally, "", "the sitting is all of today");
});

// A tally of so many today, each of which took so many seconds, with so many left of at most a thousand.
const leaving = (left, today = 40, each = 10) => new Tally(today, today, today, today * each, 1, Date.now(), PAUSE, left, 1000);

test("how much there is, and how long the rest takes at the pace of today", () => {
  const { progress, remaining } = leaving(160).figures();
  assert.deepEqual([progress, remaining], ["40 of 200", "about 27 min left"]);
  assert.equal(leaving(160).waiting(), "160");
  assert.equal(leaving(1000).waiting(), "1,000+");
  assert.equal(leaving(160, 4).figures().remaining, "", "four tell too little of the pace");
  assert.equal(leaving(5).figures().remaining, "about a minute left");
  assert.equal(leaving(999).figures().remaining, "about 3 h left");
  assert.deepEqual(
    [leaving(1000).figures().progress, leaving(1000).figures().remaining],
    ["40 today, more than 1,000 left", ""],
  );
});

test("no rest is said to be done quicker than somebody reads", () => {
  assert.equal(leaving(200, 40, 0.2).figures().remaining, "about 10 min left");
});

test("a judgment of the queue leaves one less, of a typed text as many, and undoing brings it back", () => {
  const tally = leaving(2);
  tally.count(1, 10, true);
  assert.equal(tally.figures().progress, "41 of 42");
  tally.count(1, 10, false);
  assert.equal(tally.figures().progress, "42 of 43");
  tally.count(1, 10, true);
  assert.equal(tally.figures().progress, "43 today");
  assert.equal(tally.waiting(), "", "nothing waits");
  tally.count(-1, 10, true);
  assert.equal(tally.figures().progress, "42 of 43");
});

test("gestures count up, what is undone counts down, and never below nothing", () => {
  const tally = tallyOf(1, 2, 3, 30, 2);
  tally.count(1, 10);
  assert.equal(tally.figures().tally, "2 judged in this sitting");
  for (let undone = 1; undone <= 3; undone += 1) tally.count(-1, 10);
  assert.deepEqual(tally.figures(), EMPTY);
});

test("the first gesture of today goes on with the days before it", () => {
  const tally = tallyOf(0, 0, 0, 0, 4);
  assert.equal(tally.figures().streak, "4 days in a row");
  tally.count(1, 10);
  assert.equal(tally.figures().streak, "5 days in a row");
});

test("a screen that was open for an hour counts two minutes", () => {
  const tally = new Tally(0, 0, 0, 0, 0, Date.now(), PAUSE, 15, 1000);
  for (let looked = 0; looked < 5; looked += 1) tally.count(1, 3600, true);
  assert.equal(tally.figures().remaining, "about 20 min left");
});

test("a sitting ends with a pause as long as the server says, and the next judgment begins another", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: new Date(2026, 2, 10, 12).getTime() });
  const tally = new Tally(4, 9, 9, 90, 1, Date.now() - 10 * MINUTE, PAUSE);
  t.mock.timers.tick(19 * MINUTE);
  assert.equal(tally.figures().tally, "4 judged in this sitting");
  t.mock.timers.tick(MINUTE);
  assert.equal(tally.figures().tally, "", "half an hour after the last judgment, not after the page was opened");
  assert.equal(tally.figures().progress, "9 today");
  tally.count(1, 10);
  assert.deepEqual([tally.figures().tally, tally.figures().progress], ["1 judged in this sitting", "10 today"]);
});

test("over night the sitting and the day end, and the days in a row go on", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: new Date(2026, 2, 10, 23, 50).getTime() });
  const tally = tallyOf(5, 12, 12, 120, 3);
  t.mock.timers.tick(20 * MINUTE);
  assert.deepEqual(tally.figures(), { ...EMPTY, tally: "5 judged in this sitting", streak: "3 days in a row" });
  t.mock.timers.tick(8 * 60 * MINUTE);
  assert.deepEqual(tally.figures(), { ...EMPTY, streak: "3 days in a row" });
  tally.count(1, 10);
  assert.deepEqual([tally.figures().progress, tally.figures().streak], ["1 today", "4 days in a row"]);
  t.mock.timers.tick(2 * 24 * 60 * MINUTE);
  assert.equal(tally.figures().streak, "", "a day without work ends them");
});

// Works every `step` minutes for so many minutes; returns when breaks were suggested, in minutes since the beginning.
function work(t, breaks, minutes, step) {
  const suggested = [];
  for (let spent = 0; spent <= minutes; spent += step) {
    if (breaks.worked()) suggested.push(spent);
    t.mock.timers.tick(step * MINUTE);
  }
  return suggested;
}

test("a break is suggested after the minutes of work that the studio sets", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1000 * MINUTE });
  const storage = new Cupboard();
  assert.deepEqual(work(t, new Breaks(new Drawer(storage, "work", "7"), 45), 40, 4), []);
  assert.deepEqual(work(t, new Breaks(new Drawer(storage, "work", "7"), 45), 4, 4), [4], "over a reload, too");
  assert.deepEqual(work(t, new Breaks(new Drawer(new Cupboard(), "work", "7"), 0), 400, 4), [], "or never");
});

test("five minutes without a gesture are a break", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1000 * MINUTE });
  const breaks = new Breaks(new Drawer(new Cupboard(), "work", "7"), 45);
  work(t, breaks, 40, 4);
  t.mock.timers.tick(5 * MINUTE);
  assert.deepEqual(work(t, breaks, 48, 4), [48]);
});

test("a break that is put off is suggested again after a quarter of an hour", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1000 * MINUTE });
  const breaks = new Breaks(new Drawer(new Cupboard(), "work", "7"), 45);
  assert.deepEqual(work(t, breaks, 48, 4), [48]);
  breaks.putOff();
  assert.deepEqual(work(t, breaks, 16, 3), [15]);
});
