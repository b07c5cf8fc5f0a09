// Which words tell two texts apart.

import assert from "node:assert/strict";
import { test } from "node:test";

import { differences, words } from "../../static/js/shared/diff.js";

const CASES = [
  ["you are dumb", "you are wrong", [["same", "you are "], ["gone", "dumb"], ["new", "wrong"]]],
  ["a b c d", "a x y d", [["same", "a "], ["gone", "b c"], ["new", "x y"], ["same", " d"]]],
  ["please stop", "stop", [["gone", "please "], ["same", "stop"]]],
  ["", "new", [["new", "new"]]],
  ["same", "same", [["same", "same"]]],
  ["Ты дурак", "Ты неправ", [["same", "Ты "], ["gone", "дурак"], ["new", "неправ"]]],
  ["you are stupid, really", "you are wrong, really", [["same", "you are "], ["gone", "stupid"], ["new", "wrong"], ["same", ", really"]]],
  ["please stop talking now", "please be quiet now", [["same", "please "], ["gone", "stop talking"], ["new", "be quiet"], ["same", " now"]]],
  ["I am here", "I am here today", [["same", "I am here"], ["new", " today"]]],
  ["Wort", "wort", [["gone", "Wort"], ["new", "wort"]]],
];

for (const [before, after, expected] of CASES) {
  test(`“${before}” → “${after}”`, () => assert.deepEqual(differences(before, after), expected));
}

const TEXTS = ["", "a b", "a  b\nc", "c b a", "a b ", " a b", "\n a  b ", "  ", "\t", "naïve — “quoted”", "naive - quoted", "don't", "你好世界", "👩‍👩‍👧 ok"];

test("the pieces are the two texts, whatever they are", () => {
  for (const before of TEXTS) {
    for (const after of TEXTS) {
      const pieces = differences(before, after);
      const without = (kind) => pieces.filter(([one]) => one !== kind).map(([, text]) => text).join("");
      assert.equal(without("gone"), after);
      assert.equal(without("new"), before);
      assert.ok(pieces.every(([, text]) => text), "no piece is empty");
    }
  }
});

test("words and what is between them are the text", () => {
  for (const text of TEXTS) assert.equal(words(text).join(""), text);
});

test("neighbours of one kind are one piece", () => {
  const kinds = differences("one two three four", "one deux trois four five").map(([kind]) => kind);
  assert.ok(kinds.every((kind, place) => kind !== kinds[place - 1]), kinds.join());
});

test("texts that are too long to be compared word by word change as a whole", () => {
  const [before, after] = ["a ".repeat(1500), "b ".repeat(1500)];
  assert.deepEqual(differences(`x ${before}`, `x ${after}`), [["same", "x "], ["gone", before.trim()], ["new", after.trim()], ["same", " "]]);
});
