// How the API is asked, and that every failure is one sentence.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import "./support/page.js";

const { ApiError, call, send } = await import("../../static/js/shared/api.js");
const { store, upload } = await import("../../static/js/exchange/upload.js");

let asked; // [address, request] of each request
let answer; // what the server says to it

beforeEach(() => {
  asked = [];
  globalThis.fetch = async (address, request) => {
    asked.push([address, request]);
    return answer(address, request);
  };
});

const json = (status, content) => new Response(JSON.stringify(content), { status });
const refused = (sentence, status) => (error) => error instanceof ApiError && error.message === sentence && error.status === status;

test("a body goes as JSON, with the token of the page", async () => {
  answer = () => json(201, { id: 3 });
  assert.deepEqual(await call("POST", "/prompts", [{ text: "hm" }]), { id: 3 });
  const [address, request] = asked[0];
  assert.equal(address, "/api/v1/prompts");
  assert.equal(request.body, '[{"text":"hm"}]');
  assert.deepEqual(request.headers, { "Content-Type": "application/json", "X-CSRFToken": "token of the page" });
});

test("a form goes as it is, and fetch says what it is", async () => {
  answer = () => json(200, {});
  const form = new URLSearchParams({ method: "dpo" });
  await call("POST", "/training-runs/preview", form);
  assert.equal(asked[0][1].body, form);
  assert.deepEqual(asked[0][1].headers, { "X-CSRFToken": "token of the page" });
});

test("an answer without a body is null", async () => {
  answer = () => new Response(null, { status: 204 });
  assert.equal(await call("DELETE", "/judgments/3"), null);
});

test("a refusal is the server's sentence", async () => {
  answer = () => json(422, { detail: "beta must be a number." });
  await assert.rejects(call("POST", "/training-runs", {}), refused("beta must be a number.", 422));
});

test("a refusal that says nothing still is a sentence", async () => {
  answer = () => new Response("<h1>Bad gateway</h1>", { status: 502 });
  await assert.rejects(call("GET", "/versions"), refused("Something went wrong on the server.", 502));
});

test("who is signed out is told so", async () => {
  answer = () => json(401, { detail: "Nobody is signed in." });
  await assert.rejects(call("GET", "/versions"), refused("You are signed out: open the sign-in page in another tab, then try again.", 401));
});

test("without a connection, or with an answer that was cut off, nothing is lost", async () => {
  const sentence = "Mellow cannot be reached. Nothing is lost: try again in a moment.";
  answer = () => { throw new TypeError("Failed to fetch"); };
  await assert.rejects(call("GET", "/versions"), refused(sentence, 0));
  answer = () => new Response('{"versions": [', { status: 200 });
  await assert.rejects(call("GET", "/versions"), refused(sentence, 0));
});

test("a judgment is sent although its page is left, and not waited for forever", async () => {
  answer = () => json(201, { id: 1 });
  await call("POST", "/judgments", {});
  await call("GET", "/guidelines");
  assert.deepEqual(asked.map(([, { keepalive, signal }]) => [keepalive, signal instanceof AbortSignal]), [[true, true], [false, false]]);
});

test("a request with the token of an earlier session goes again with the new one", async () => {
  globalThis.location = { href: "https://mellow.example/annotate" };
  globalThis.DOMParser = class {
    parseFromString = (page) => ({ querySelector: () => ({ getAttribute: () => page }) });
  };
  answer = (address, request) => {
    if (address === location.href) return new Response("newer token");
    return request.headers["X-CSRFToken"] === "newer token" ? json(200, { html: "" }) : json(400, { stale_form: true });
  };
  assert.deepEqual(await call("GET", "/guidelines"), { html: "" });
  assert.equal(asked.length, 3);
  const response = await send("/api/v1/me", { method: "PATCH" });
  assert.equal(response.status, 200, "and later ones begin with it");
  assert.equal(asked.length, 4);
});

test("a session that has changed for good is said, and nothing counts as refused", async () => {
  answer = (address) => (address === location.href ? new Response("newer token") : json(400, { stale_form: true }));
  await assert.rejects(call("POST", "/judgments", {}), (error) => error.status === 0 && error.message.startsWith("Your session has changed"));
});

// A server that keeps a file, and answers its piece number `lost` only after it has kept it.
function keeper(lost = 0) {
  const kept = { bytes: 0, pieces: 0 };
  answer = (address, { method, body }) => {
    const offset = method === "POST" ? 0 : Number(new URL(address, "https://mellow.example").searchParams.get("offset"));
    if (offset !== kept.bytes) return json(409, { bytes: kept.bytes });
    kept.bytes += body.byteLength;
    kept.pieces += 1;
    if (kept.pieces === lost) throw new TypeError("Failed to fetch");
    return json(200, { id: "f1", bytes: kept.bytes });
  };
  return kept;
}

const SIZE = 9 * 1024 * 1024;
const never = () => false;

test("a file is sent in pieces, and its share is told", async () => {
  const kept = keeper();
  const shares = [];
  assert.equal(await upload(new File([new Uint8Array(SIZE)], "many.csv"), (share) => shares.push(share), assert.fail, never), "f1");
  assert.deepEqual([kept.bytes, kept.pieces], [SIZE, 3]);
  assert.deepEqual(shares.map((share) => share.toFixed(2)), ["0.44", "0.89", "1.00"]);
  assert.equal(asked[0][0], "/api/v1/imports?name=many.csv");
});

test("a file goes on where it stopped when the connection comes back", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const kept = keeper(2);
  const said = [];
  const hear = (sentence) => {
    said.push(sentence);
    setImmediate(() => t.mock.timers.tick(1000));
  };
  await upload(new File([new Uint8Array(SIZE)], "many.csv"), () => {}, hear, never);
  assert.deepEqual([kept.bytes, kept.pieces], [SIZE, 3], "no piece is kept twice");
  assert.deepEqual(said, ["The connection is lost. Sending goes on when it is back."]);
});

test("an empty file is sent, and one that nobody wants any more is not sent on", async () => {
  const shares = [];
  keeper();
  await upload(new File([], "none.csv"), (share) => shares.push(share), assert.fail, never);
  assert.deepEqual(shares, [1]);
  const kept = keeper();
  await upload(new File([new Uint8Array(SIZE)], "many.csv"), () => {}, assert.fail, () => true);
  assert.equal(kept.pieces, 1);
});

// The lines of an import, in pieces that do not end where lines do.
const lines = (text) => new Response(new Blob([text]).stream().pipeThrough(new TransformStream({
  transform(bytes, out) {
    for (let at = 0; at < bytes.length; at += 5) out.enqueue(bytes.slice(at, at + 5));
  },
})));

test("an import tells each line as it comes", async () => {
  answer = () => lines('{"rows":1,"done":false}\n{"rows":2,"done":true}\n');
  const heard = [];
  await store("f1", { layout: "csv" }, (progress) => heard.push(progress.rows));
  assert.deepEqual(heard, [1, 2]);
});

test("an import that breaks off says why, or that what is stored stays stored", async () => {
  answer = () => lines('{"rows":1,"done":false}\n{"problem":"Line 3 is no JSON."}\n');
  await assert.rejects(store("f1", {}, () => {}), refused("Line 3 is no JSON.", 0));
  answer = () => lines('{"rows":1,"done":false}\n');
  await assert.rejects(store("f1", {}, () => {}), (error) => error.message.startsWith("The connection broke off."));
  answer = () => json(404, { detail: "There is no such file." });
  await assert.rejects(store("f1", {}, () => {}), refused("There is no such file.", 404));
});
