// Where the next screen comes from.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import "../support/page.js";

const screens = await import("../../../static/js/desk/screens.js");
const { Stopped } = await import("../../../static/js/shared/api.js");

let queue; // the ids that the server gives, one a request
let asked; // what was told to be shown already

beforeEach(() => {
  [queue, asked] = [[], []];
  globalThis.fetch = async (_, { body }) => {
    asked.push(JSON.parse(body).shown);
    const next = queue.shift();
    if (next instanceof Promise) await next;
    return typeof next === "number" ? Response.json({ id: next }) : new Response(null, { status: 204 });
  };
});

test("a screen of the queue, or none", async () => {
  queue = [4];
  assert.deepEqual(await screens.next(), { id: 4, fromQueue: true });
  assert.equal(await screens.next(), null);
});

test("what was drawn early is chosen again once the server knows of the latest gesture", async () => {
  queue = [5, 6];
  screens.prefetch();
  screens.prefetch();
  assert.equal(asked.length, 1, "one is drawn early, not two");
  assert.deepEqual(await screens.next(Promise.resolve(true)), { id: 6, fromQueue: true });
});

test("what was drawn early is shown where the server cannot be told, or has nothing else", async () => {
  queue = [7, 8];
  screens.prefetch();
  assert.equal((await screens.next(Promise.resolve(false)))?.id, 7);
  screens.prefetch();
  assert.equal((await screens.next(Promise.resolve(true)))?.id, 8);
});

test("what was drawn early is shown where choosing again takes too long", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  queue = [9, new Promise(() => {})];
  screens.prefetch();
  const next = screens.next(Promise.resolve(true));
  while (asked.length < 2) await new Promise((resolve) => { setImmediate(resolve); });
  t.mock.timers.tick(300);
  assert.equal((await next)?.id, 9);
});

test("the server is told of the last hundred screens that were shown", async () => {
  screens.seen(Array.from({ length: 120 }, (_, place) => 1000 + place));
  screens.seen([1119]);
  await screens.next();
  assert.deepEqual([asked[0].length, asked[0][0], asked[0].at(-1)], [100, 1020, 1119]);
});

test("a server that draws too many at once is asked again, and any other refusal is shown", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const refusals = [[429, "1"], [503, "2"], [503, ""]];
  let times = 0;
  globalThis.fetch = async () => {
    times += 1;
    const [status, again] = refusals.shift() ?? [];
    if (!status) return Response.json({ id: 3 });
    return Response.json({ detail: "No." }, { status, headers: again ? { "Retry-After": again } : {} });
  };
  const drawn = screens.draw("You are a fool");
  const refused = assert.rejects(drawn, (error) => error.status === 503 && error.again === 0);
  for (const [asked, pause] of [[1, 1000], [2, 2000]]) {
    while (times < asked) await new Promise((resolve) => { setImmediate(resolve); });
    await new Promise((resolve) => { setImmediate(resolve); });
    t.mock.timers.tick(pause - 1);
    await new Promise((resolve) => { setImmediate(resolve); });
    assert.equal(times, asked);
    t.mock.timers.tick(1);
  }
  await refused;
  assert.equal(times, 3);
});

test("a draw that is stopped ends at once, on its way or while it waits to be asked for again", async () => {
  let signal;
  globalThis.fetch = (_, request) => new Promise((_resolve, reject) => {
    signal = request.signal;
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  const onItsWay = new AbortController();
  const drawn = screens.draw("You are a fool", onItsWay.signal);
  onItsWay.abort();
  await assert.rejects(drawn, Stopped);
  assert.ok(signal.aborted, "the request itself was stopped");
  globalThis.fetch = async () => Response.json({}, { status: 429, headers: { "Retry-After": "3600" } });
  const waiting = new AbortController();
  const later = screens.draw("You are a fool", waiting.signal);
  await new Promise((resolve) => { setTimeout(resolve); });
  waiting.abort();
  await assert.rejects(later, Stopped);
});

test("what the queue is asked for is stopped, and the next is asked for anew", async () => {
  const fetch = globalThis.fetch;
  globalThis.fetch = (_, { signal }) => new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  screens.prefetch();
  const next = screens.next();
  screens.stop();
  await assert.rejects(next, Stopped);
  globalThis.fetch = fetch;
  queue = [11];
  assert.equal((await screens.next())?.id, 11);
});
