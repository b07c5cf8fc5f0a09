// Answers that come as a stream of events.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import "../../support/page.js";

const { post, written } = await import("../../../../static/js/desk/chat/stream.js");
const screens = await import("../../../../static/js/desk/screens.js");
const { ApiError, Stopped } = await import("../../../../static/js/shared/api.js");

let place; // where the server writes
let asked; // what was sent

beforeEach(() => {
  asked = [];
  globalThis.fetch = async (_, request) => {
    asked.push(request);
    const body = new ReadableStream({ start(controller) { place = controller; } });
    request.signal?.addEventListener("abort", () => place.error(request.signal.reason));
    return new Response(body, { headers: { "Content-Type": "text/event-stream; charset=utf-8" } });
  };
});

const bytes = (text) => place.enqueue(new TextEncoder().encode(text));
const tell = (name, data) => bytes(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
const turn = () => new Promise((resolve) => { setImmediate(resolve); });

test("what is written is there while it is, piece by piece, and the screen at the end", async () => {
  const drawn = post({ from: "queue", shown: [] });
  await turn();
  assert.equal(asked[0].headers.Accept, "text/event-stream");
  assert.equal(written("queue").text, "");
  tell("begun", { text: "Why?", turns: [{ role: "user", content: "Hello" }], system: "Be brief." });
  for (const [answer, text] of [[0, "Be"], [2, "No"], [0, "cause"], [1, "Well"]]) tell("piece", { answer, text });
  tell("again", { answer: 1 });
  await turn();
  const { text, system, turns, answers } = written("queue");
  assert.deepEqual([text, system, turns.length, answers], ["Why?", "Be brief.", 1, ["Because", "", "No"]]);
  tell("screen", { id: 7 });
  assert.deepEqual(await drawn, { id: 7 });
});

test("events may come in any pieces, characters cut in the middle among them, with comments between", async () => {
  const drawn = post({ text: "Hi", turns: [] });
  await turn();
  const all = new TextEncoder().encode(': still here\r\n\r\nevent: piece\r\ndata: {"answer":0,\r\ndata: "text":"schön"}\r\n\r\n');
  for (const byte of all) place.enqueue(Uint8Array.of(byte));
  tell("nothing", {});
  assert.equal(await drawn, null);
  assert.deepEqual(written("typed").answers, ["schön"]);
});

test("another prompt may begin in the middle, and nothing of the first is left", async () => {
  const drawn = post({ from: "queue", shown: [] });
  await turn();
  tell("begun", { text: "Why?", turns: [], system: "" });
  tell("piece", { answer: 0, text: "Because" });
  await turn();
  const first = written("queue");
  tell("begun", { text: "How?", turns: [], system: "" });
  tell("piece", { answer: 1, text: "So" });
  tell("screen", { id: 8 });
  await drawn;
  assert.notEqual(written("queue"), first);
  assert.deepEqual([written("queue").text, written("queue").answers[0], written("queue").answers[1]], ["How?", undefined, "So"]);
});

test("a problem in the stream is the sentence of the server", async () => {
  const drawn = post({ text: "Hi" });
  await turn();
  tell("problem", { detail: "The model broke off.", status: 503 });
  await assert.rejects(drawn, (error) => error instanceof ApiError && error.message === "The model broke off." && error.status === 503);
});

test("a stream that is cut off is no screen", async () => {
  const drawn = post({ text: "Hi" });
  await turn();
  tell("begun", { text: "Hi", turns: [], system: "" });
  place.close();
  await assert.rejects(drawn, /cannot be reached/);
});

test("a stream is closed by whoever wants it no more", async () => {
  const stop = new AbortController();
  const drawn = post({ text: "Hi" }, stop.signal);
  await turn();
  stop.abort();
  await assert.rejects(drawn, Stopped);
});

test("a server that answers without a stream is understood, and a busy one is asked again", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  screens.drawBy(post);
  const answers = [
    Response.json({ detail: "Busy." }, { status: 503, headers: { "Retry-After": "2" } }),
    Response.json({ id: 4 }, { status: 201 }),
  ];
  globalThis.fetch = async () => answers.shift();
  const drawn = screens.draw("Hi", undefined, [{ role: "user", content: "a" }, { role: "assistant", content: "b" }]);
  await turn();
  await turn();
  t.mock.timers.tick(2000);
  assert.deepEqual(await drawn, { id: 4 });
});

test("what was drawn early is shown as it is: there is nothing to choose from again", async () => {
  screens.drawBy(post);
  screens.prefetch();
  await turn();
  tell("screen", { id: 9 });
  assert.deepEqual(await screens.next(Promise.resolve(true)), { id: 9, fromQueue: true });
  assert.equal(asked.length, 1);
});
