// How settings of the desk are stored.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import "../support/page.js";

const { ApiError } = await import("../../../static/js/shared/api.js");
const { store } = await import("../../../static/js/desk/settings.js");

let waiting; // what the server was sent and has not answered, as [settings, answer]

beforeEach(() => {
  waiting = [];
  globalThis.fetch = (_, { body }) => new Promise((resolve) => {
    waiting.push([JSON.parse(body).settings, (status) => resolve(new Response("{}", { status }))]);
  });
});

const settled = () => new Promise((resolve) => { setImmediate(resolve); });

test("a setting that is changed twice quickly is stored in that order", async () => {
  const [first, second] = [store({ blur: true }), store({ blur: false })];
  await settled();
  assert.deepEqual(waiting.map(([settings]) => settings), [{ blur: true }], "the second waits for the first");
  waiting[0][1](200);
  await first;
  await settled();
  assert.deepEqual(waiting.map(([settings]) => settings), [{ blur: true }, { blur: false }]);
  waiting[1][1](200);
  await second;
});

test("what could not be stored says so and holds up nothing", async () => {
  const [first, second] = [store({ diff: true }), store({ diff: false })];
  await settled();
  waiting[0][1](503);
  await assert.rejects(first, ApiError);
  await settled();
  waiting[1][1](200);
  await second;
});
