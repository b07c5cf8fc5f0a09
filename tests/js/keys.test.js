// Which key of a shortcut a press is, on keyboards of many countries.

import assert from "node:assert/strict";
import { test } from "node:test";

import { asked, composing, leaves, modified, printed, sends } from "../../static/js/shared/keys.js";
import { press } from "./support/press.js";

const COMMANDS = new Map([["1", "first"], ["2", "second"], ["n", "none"], ["u", "undo"], ["y", "yes"], ["z", "zoom"], ["?", "help"], ["/", "text"]]);
const command = (key, code, how) => asked(press(key, code, how), COMMANDS)?.command ?? null;
const SHIFT = { held: ["Shift"] };

// What is typed by the keys that have N, U, 1 and 2 on an English keyboard.
const LAYOUTS = {
  English: ["n", "u", "1", "2"],
  Russian: ["т", "г", "1", "2"],
  Ukrainian: ["т", "г", "1", "2"],
  Bulgarian: ["х", "к", "1", "2"],
  Kazakh: ["т", "г", '"', "ә"],
  Greek: ["ν", "θ", "1", "2"],
  Hebrew: ["מ", "ו", "1", "2"],
  Arabic: ["ى", "ع", "١", "٢"],
  Persian: ["د", "ع", "۱", "۲"],
  Hindi: ["ल", "ह", "१", "२"],
  Thai: ["ื", "ี", "ๅ", "/"],
  Georgian: ["ნ", "უ", "1", "2"],
  Korean: ["ㅜ", "ㅕ", "1", "2"],
  Kana: ["み", "な", "ぬ", "ふ"],
  French: ["n", "u", "&", "é"],
  Czech: ["n", "u", "+", "ě"],
  Lithuanian: ["n", "u", "ą", "č"],
};

for (const [name, [n, u, one, two]] of Object.entries(LAYOUTS)) {
  test(`the keys of a keyboard that is ${name}`, () => {
    assert.equal(command(n, "KeyN"), "none");
    assert.equal(command(u, "KeyU"), "undo");
    assert.equal(command(n.toUpperCase(), "KeyN", { held: ["CapsLock"] }), "none");
    assert.equal(command(one, "Digit1"), "first");
    assert.equal(command(two, "Digit2"), "second");
  });
}

test("Latin letters are where the layout has them, not where an English keyboard has them", () => {
  assert.equal(command("z", "KeyY"), "zoom"); // German
  assert.equal(command("y", "KeyZ"), "yes");
  assert.equal(command("n", "KeyL"), "none"); // Dvorak
  assert.equal(command("b", "KeyN"), null);
  assert.equal(command("g", "KeyU"), null);
  assert.equal(command("ñ", "KeyN"), null, "another Latin letter is no key of another script");
  assert.equal(command(".", "KeyN"), null, "a sign on the key of a letter is that sign");
});

test("one key may type two letters", () => {
  assert.equal(asked(press("لا", "KeyB"), new Map([["b", "blur"]]))?.command, "blur"); // Arabic
});

test("a digit that is typed is chosen, whether it needs Shift or not", () => {
  const french = asked(press("1", "Digit1", SHIFT), COMMANDS);
  assert.deepEqual(french, { command: "first", name: "1", shift: false });
  assert.equal(command("1", "Digit1", { held: ["CapsLock"] }), "first"); // French on Windows
  assert.deepEqual(asked(press("&", "Digit1"), COMMANDS), { command: "first", name: "1", shift: false });
});

test("Shift changes a command where it changes what the key of the digit types", () => {
  assert.deepEqual(asked(press("@", "Digit2", SHIFT), COMMANDS), { command: "second", name: "2", shift: true });
  assert.deepEqual(asked(press("Č", "Digit2", SHIFT), COMMANDS), { command: "second", name: "2", shift: true }); // Lithuanian
  assert.equal(asked(press("Т", "KeyN", SHIFT), COMMANDS)?.shift, true);
  assert.equal(asked(press("n", "KeyN", { held: ["Shift", "CapsLock"] }), COMMANDS)?.shift, true);
});

test("the numeric keypad types digits, and moves where it types none", () => {
  assert.equal(command("1", "Numpad1"), "first");
  assert.equal(command("End", "Numpad1"), null);
});

test("signs are what is typed, wherever they are", () => {
  assert.equal(command("/", "Digit7", SHIFT), "text"); // German
  assert.equal(command("?", "Digit7", SHIFT), "help"); // Russian
  assert.equal(command("/", "KeyQ"), "text"); // Hebrew
  assert.equal(command("؟", "Slash", SHIFT), "help"); // Arabic
  assert.equal(command("？", "Slash", SHIFT), "help"); // Chinese
  assert.equal(command(".", "Slash"), null); // Russian
  assert.equal(command("/", "Digit2"), "second", "as on Thai keyboards, where it is what the key of the digit types");
});

test("what an input method writes, a dead key and a key of a third level ask for nothing", () => {
  assert.equal(command("n", "KeyN", { isComposing: true }), null);
  assert.equal(command("Process", "KeyN", { keyCode: 229 }), null);
  assert.equal(command("n", "KeyN", { keyCode: 229 }), null);
  assert.equal(command("Dead", "Digit2"), null);
  assert.equal(command("Dead", "KeyN"), null);
  assert.equal(command("¹", "Digit1", { held: ["AltGraph"] }), null);
  assert.equal(command("т", "KeyN", { held: ["AltGraph"] }), null);
});

test("what belongs to the browser asks for nothing", () => {
  for (const name of ["Control", "Meta", "Alt", "AltGraph"]) {
    assert.ok(modified(press("n", "KeyN", { held: [name] })));
    assert.equal(command("n", "KeyN", { held: [name] }), null);
  }
  assert.ok(!modified(press("N", "KeyN", { held: ["Shift", "CapsLock"] })));
});

test("other keys ask for nothing", () => {
  for (const [key, code] of [["0", "Digit0"], ["q", "KeyQ"], ["Enter", "Enter"], ["F1", "F1"], ["Unidentified", "Digit1"], ["constructor", ""], ["т", ""]]) {
    assert.equal(command(key, code), null);
  }
});

test("Enter sends and Escape leaves, unless an input method is using them", () => {
  assert.ok(sends(press("Enter", "Enter")));
  assert.ok(sends(press("Enter", "NumpadEnter")));
  assert.ok(!sends(press("Enter", "Enter", SHIFT)));
  assert.ok(leaves(press("Escape", "Escape")));
  for (const how of [{ isComposing: true }, { keyCode: 229 }]) { // Safari tells of the last Enter after the end, with 229
    assert.ok(composing(press("Enter", "Enter", how)));
    assert.ok(!sends(press("Enter", "Enter", how)));
    assert.ok(!leaves(press("Escape", "Escape", how)));
  }
});

test("the help names a key as it is printed", () => {
  assert.equal(printed("N", new Map([["KeyN", "т"]])), "Т"); // Russian
  assert.equal(printed("S", new Map([["KeyS", "σ"]])), "Σ");
  assert.equal(printed("Z", new Map([["KeyY", "z"], ["KeyZ", "y"]])), "Z"); // German
  assert.equal(printed("N", new Map()), "N");
});
