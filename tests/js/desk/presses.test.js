// What the keys of the desk mean.

import assert from "node:assert/strict";
import { test } from "node:test";

import { always, meaning } from "../../../static/js/desk/gestures/presses.js";
import { press as pressed } from "../support/press.js";

const press = (key, code, shift = false) => meaning(pressed(key, code, { held: shift ? ["Shift"] : [] }));

test("letters mean their gestures, whatever their case", () => {
  for (const [key, deed] of Object.entries({ n: "none", t: "tie", e: "edit", s: "skip", f: "flag", u: "undo", d: "diff", b: "blur", v: "reveal", g: "guidelines" })) {
    assert.deepEqual(press(key, "KeyX"), { deed, digit: 0, shift: false });
    assert.deepEqual(press(key.toUpperCase(), "KeyX", true), { deed, digit: 0, shift: true });
  }
});

test("digits choose, and with Shift edit", () => {
  assert.deepEqual(press("2", "Digit2"), { deed: "choose", digit: 2, shift: false });
  assert.deepEqual(press("@", "Digit2", true), { deed: "choose", digit: 2, shift: true });
  assert.deepEqual(press("3", "Numpad3"), { deed: "choose", digit: 3, shift: false });
});

test("on a French keyboard the key of a digit chooses without Shift, and with it", () => {
  assert.deepEqual(press("&", "Digit1"), { deed: "choose", digit: 1, shift: false });
  assert.deepEqual(press("1", "Digit1", true), { deed: "choose", digit: 1, shift: false });
});

test("a character that means something wins over the digit on its key", () => {
  assert.equal(press("/", "Digit7", true)?.deed, "text");
  assert.equal(press("?", "Minus", true)?.deed, "help");
});

test("other keys mean nothing", () => {
  for (const [key, code] of [["0", "Digit0"], ["4", "Digit4"], ["q", "KeyQ"], ["Enter", "Enter"], ["F1", "F1"], ["constructor", ""]]) assert.equal(press(key, code), null);
});

test("only verdicts need a screen that waits for one", () => {
  assert.deepEqual(["undo", "diff", "blur", "reveal", "guidelines", "help", "text"].filter((deed) => !always(deed)), []);
  assert.deepEqual(["none", "tie", "edit", "skip", "flag", "choose"].filter(always), []);
});
