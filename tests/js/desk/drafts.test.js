// What is being written on a screen.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Drawer } from "../../../static/js/desk/drawer.js";
import { Drafts } from "../../../static/js/desk/gestures/drafts.js";
import { Cupboard } from "../support/cupboard.js";

const DAY = 86_400_000;

test("each slot of a screen has a draft of its own, and one of them may be open", (t) => {
  t.mock.timers.enable({ apis: ["Date"] });
  const storage = new Cupboard();
  const drafts = new Drafts(new Drawer(storage, "draft", "7"));
  drafts.keep(12, 0, "my own", false);
  drafts.keep(12, 2, "better", true);
  const { texts, open } = new Drafts(new Drawer(storage, "draft", "7")).of(12);
  assert.deepEqual(texts, { 0: "my own", 2: "better" });
  assert.equal(open, 2);
  assert.deepEqual(drafts.of(13), { texts: {}, open: null });
});

test("a screen without drafts leaves nothing behind", () => {
  const storage = new Cupboard();
  const drafts = new Drafts(new Drawer(storage, "draft", "7"));
  drafts.keep(12, 1, "hm", true);
  drafts.keep(12, 1, null, false);
  assert.equal(storage.length, 0);
  drafts.keep(12, 1, "hm", true);
  drafts.drop(12);
  assert.equal(storage.length, 0);
});

test("drafts are kept for fourteen days after they were written", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 20 * DAY });
  const storage = new Cupboard();
  const drawer = new Drawer(storage, "draft", "7");
  new Drafts(drawer).keep(1, 0, "old", false);
  t.mock.timers.setTime(21 * DAY);
  new Drafts(drawer).keep(2, 0, "newer", false);
  t.mock.timers.setTime(34 * DAY);
  assert.deepEqual(new Drafts(drawer).of(1).texts, { 0: "old" });
  t.mock.timers.setTime(34 * DAY + 1);
  const later = new Drafts(drawer);
  assert.deepEqual(later.of(1).texts, {});
  assert.deepEqual(later.of(2).texts, { 0: "newer" });
});
