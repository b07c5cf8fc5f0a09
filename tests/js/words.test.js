// What pages say in words: of texts and numbers, of a file to import, of a run.

import assert from "node:assert/strict";
import { test } from "node:test";

import "./support/page.js";
import { choices, describe, details, stored } from "../../static/js/exchange/import_words.js";
import { count, shortened, size } from "../../static/js/shared/text.js";
import { ngettext } from "../../static/js/shared/words.js";
import { ending, outcome, remaining, stage, written } from "../../static/js/training/run/run_words.js";

test("numbers and their nouns", () => {
  assert.equal(count(1234567), "1,234,567");
  assert.equal(ngettext("%(num)s row", "%(num)s rows", 1), "1 row");
  assert.equal(ngettext("%(num)s row", "%(num)s rows", 0), "0 rows");
  assert.equal(ngettext("%(num)s row", "%(num)s rows", 1000), "1,000 rows");
});

test("a text is as long as it has characters, and is cut where it is too long to be shown", () => {
  assert.equal(size("naïve 🙂"), 7);
  assert.equal(shortened("a".repeat(400)), "a".repeat(400));
  assert.equal(shortened("a".repeat(401)), `${"a".repeat(400)} …`);
});

const FOUND = { columns: ["text", "note"], format: "", what: "" };

test("any column may be the text, and none need be anything else", () => {
  assert.deepEqual(choices("text", FOUND), [["text", "text"], ["note", "note"]]);
  assert.deepEqual(choices("gold", FOUND), [["none", ""], ["text", "text"], ["note", "note"]]);
});

test("where a format is known, its prompt may be the text", () => {
  assert.deepEqual(choices("text", { ...FOUND, format: "trl" })[0], ["the prompt of this format", "@prompt"]);
  for (const format of ["prompt", "pairs"]) assert.equal(choices("text", { ...FOUND, format }).length, 2);
  assert.deepEqual(choices("gold", { ...FOUND, format: "trl" })[0], ["none", ""]);
});

test("a file without columns has whole lines", () => {
  assert.deepEqual(choices("text", { ...FOUND, columns: [] }), [["the whole line", ""]]);
});

test("a file is described by what is in it", () => {
  const preview = { rows: 2, found: FOUND, judgments: 0, gold: 0 };
  assert.equal(describe({ ...preview, rows: 0 }), "The file is empty: it holds no row with a text.");
  assert.equal(describe(preview), "2 rows.");
  const known = { ...preview, found: { ...FOUND, what: "TRL" }, judgments: 1, gold: 2 };
  assert.equal(
    describe(known),
    "2 rows, in a form that is known: TRL. It holds 1 judgment. 2 rows are attention checks.",
  );
  assert.match(describe({ ...preview, systems: 1 }), /^2 rows\. 1 system message of a row kept as metadata, while .*\.$/);
  assert.equal(
    describe({ ...preview, judgments: 15, judgments_known: 12, people: 2 }),
    "2 rows. It holds 15 judgments by 2 people. 12 judgments are here already.",
  );
});

test("a row says what it brings beside its text", () => {
  const row = { priority: 0, overlap: null, gold: null, gold_wrong: [], chosen: [], metadata: {}, turns: [] };
  assert.equal(details(row), "–");
  assert.equal(details({ ...row, priority: 2, overlap: 3, gold: "yes", gold_wrong: ["no"], chosen: ["this"] }), "Priority 2\nOverlap 3\nRight: yes\nWrong: no\nChosen: this");
  assert.equal(details({ ...row, turns: [{}, {}] }), "2 turns before");
  assert.equal(details({ ...row, metadata: { language: "de", tags: ["a"] } }), 'language: de\ntags: ["a"]');
});

test("what became of the rows is counted", () => {
  const progress = { rows: 1, added: 1200, checks: 0, judged: 0, duplicates: 0, rejected_count: 3, unused_count: 0, judgments: 0 };
  assert.equal(stored(progress), "1 row read · 1,200 new in the queue · 0 there already · 3 not usable.");
  assert.match(stored({ ...progress, unused_count: 2 }), / · 3 not usable · 2 parts of rows not used\.$/);
  assert.match(stored({ ...progress, systems: 2 }), /2 system messages of rows kept as metadata, while the desk uses the/);
  assert.match(stored({ ...progress, judgments: 1 }), / · 1 judgment taken over\.$/);
  assert.match(stored({ ...progress, judgments_known: 12 }), / · 12 judgments are here already\.$/);
  assert.match(
    stored({ ...progress, checks: 3, judged: 2 }),
    /1,195 new in the queue · 3 as attention checks · 2 judged often enough · 0 there already/,
  );
});

test("the time left is said in seconds, minutes or hours, and not at all where it is not known", () => {
  const left = (seconds) => remaining({ eta_seconds: seconds });
  assert.deepEqual([5, 85, 90, 3570, 3600, 5400].map(left), [
    "about 5 s left", "about 85 s left", "about 2 min left", "about 1 h left", "about 1 h left", "about 1 h 30 min left",
  ]);
  assert.equal(left(null), "");
});

test("a notification says what went wrong, or which version there is", () => {
  const run = { error: null, note: null, produced_version: null };
  assert.equal(ending({ ...run, error: "The disk is full." }), "The disk is full.");
  assert.equal(ending({ ...run, produced_version: 3, note: "It is worse." }), "It is worse.");
  assert.equal(ending({ ...run, produced_version: 3 }), "Version 3 is published and live.");
  assert.equal(ending(run), "It produced no version.");
});

test("values of metrics are as long as they say something", () => {
  assert.deepEqual([0, 0.69314, -12.3456, 0.00012].map(written), ["0.0000", "0.6931", "-12.35", "1.2e-4"]);
});

test("a run that waits says what comes before it", () => {
  assert.equal(stage({ stage: "queued", position: 0 }), "queued");
  assert.equal(stage({ stage: "queued", position: 1 }), "queued: one run is before it");
  assert.equal(stage({ stage: "queued", position: 2 }), "queued: 2 runs are before it");
});

test("a run that ended says what is live", () => {
  const run = { produced_version: 3, note: null };
  assert.equal(outcome(run, "2", true), "Version 3 is published and live.");
  assert.equal(outcome(run, "3", false), "Version 3 is published and live.");
  assert.equal(outcome(run, "4", false), "Version 3 is published. Version 4 is live now.");
  assert.equal(outcome({ ...run, note: "It is worse." }, "2", true), "", "the note says it");
  assert.equal(outcome({ produced_version: null, note: null }, "2", true), "");
});
