// Gestures on their way: one after the other, none lost, none counted twice.

import assert from "node:assert/strict";
import { test } from "node:test";

import "../support/page.js";
import { Cupboard } from "../support/cupboard.js";

const { ApiError } = await import("../../../static/js/shared/api.js");
const { Drawer } = await import("../../../static/js/desk/drawer.js");
const { Outbox } = await import("../../../static/js/desk/gestures/outbox.js");

const NONE = { verdict: "none", seconds: 1 };
const GONE = () => new ApiError("Mellow cannot be reached.", 0);

// A server that knows each judgment by its key; while `trouble` makes an error, that is its answer.
class Server {
  constructor() {
    this.judged = new Map();
    this.undone = [];
    this.asked = [];
    this.trouble = null;
    this.ask = async (method, path, body) => {
      this.asked.push(`${method} ${path}`);
      if (this.trouble) throw this.trouble();
      if (method === "DELETE") {
        this.undone.push(Number(path.split("/")[2]));
        return null;
      }
      if (!this.judged.has(body.client_key)) this.judged.set(body.client_key, { id: this.judged.size + 1, body });
      return { id: this.judged.get(body.client_key).id };
    };
  }
}

// An outbox over that storage, and what it told.
function open(storage, server) {
  const heard = [];
  const outbox = new Outbox(
    new Drawer(storage, "outbox", "7"),
    {
      sent: (key) => heard.push(["sent", key]),
      refused: (entry, error, kept) => heard.push(["refused", entry.body.client_key, error.status, kept]),
      waiting: (error) => heard.push(["waiting", error.message]),
      through: () => heard.push(["through"]),
    },
    server.ask,
  );
  return { outbox, heard };
}

test("judgments are sent one after the other and then forgotten here", async () => {
  const [storage, server] = [new Cupboard(), new Server()];
  const { outbox, heard } = open(storage, server);
  const keys = [1, 2, 3].map((generation) => outbox.judge({ generation_id: generation, ...NONE }).client_key);
  assert.equal(storage.length, 3, "each is kept before it is sent");
  assert.deepEqual(outbox.screens(), [1, 2, 3]);
  assert.equal(server.asked.length, 1, "one at a time");
  assert.equal(await outbox.settled(), true);
  assert.deepEqual([...server.judged.keys()], keys);
  assert.deepEqual(heard, [...keys.map((key) => ["sent", key]), ["through"]]);
  assert.equal(storage.length, 0);
});

test("what could not be sent is kept, tried again after growing pauses, and then sent", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const [storage, server] = [new Cupboard(), new Server()];
  const { outbox, heard } = open(storage, server);
  server.trouble = GONE;
  outbox.judge({ generation_id: 1, ...NONE });
  assert.equal(await outbox.settled(), false);
  for (const pause of [1000, 2000, 4000, 8000, 16000, 20000, 20000]) {
    const before = server.asked.length;
    t.mock.timers.tick(pause - 1);
    assert.equal(server.asked.length, before, `nothing is tried before ${pause} ms`);
    t.mock.timers.tick(1);
    assert.equal(server.asked.length, before + 1);
    assert.equal(await outbox.settled(), false);
  }
  assert.equal(storage.length, 1);
  server.trouble = null;
  t.mock.timers.tick(20000);
  assert.equal(await outbox.settled(), true);
  assert.equal(server.judged.size, 1);
  assert.deepEqual(heard.at(-1), ["through"]);
  assert.equal(outbox.length, 0);
});

test("the next page sends what this one could not, in the order it was made", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const [storage, server] = [new Cupboard(), new Server()];
  server.trouble = GONE;
  const { outbox } = open(storage, server);
  const keys = [1, 2, 3].map((generation) => outbox.judge({ generation_id: generation, ...NONE }).client_key);
  await outbox.settled();
  server.trouble = null;
  const next = open(storage, server).outbox;
  assert.equal(next.length, 3);
  next.flush();
  assert.equal(await next.settled(), true);
  assert.deepEqual([...server.judged.keys()], keys);
});

test("a judgment whose answer was never heard is one judgment", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const [storage, server] = [new Cupboard(), new Server()];
  const ask = server.ask;
  server.ask = async (...request) => {
    await ask(...request);
    throw GONE();
  };
  const { outbox } = open(storage, server);
  outbox.judge({ generation_id: 1, ...NONE });
  assert.equal(await outbox.settled(), false);
  outbox.ask = ask;
  outbox.flush();
  assert.equal(await outbox.settled(), true);
  assert.deepEqual(server.asked, ["POST /judgments", "POST /judgments"]);
  assert.equal(server.judged.size, 1);
});

test("what is undone at once was made and is taken back", async () => {
  const [storage, server] = [new Cupboard(), new Server()];
  const { outbox } = open(storage, server);
  const body = outbox.judge({ generation_id: 1, ...NONE });
  outbox.undo(body);
  assert.deepEqual(outbox.screens(), [], "its screen may be judged again");
  assert.equal(await outbox.settled(), true);
  assert.deepEqual(server.asked, ["POST /judgments", "DELETE /judgments/1"]);
  assert.equal(storage.length, 0);
});

test("after a reload an undo finds its judgment by the key", async () => {
  const [storage, server] = [new Cupboard(), new Server()];
  const first = open(storage, server).outbox;
  first.judge({ generation_id: 8, ...NONE });
  const body = first.judge({ generation_id: 9, ...NONE });
  await first.settled();
  const { outbox } = open(storage, server);
  outbox.undo(body);
  await outbox.settled();
  assert.deepEqual(server.undone, [2]);
  assert.equal(server.judged.size, 2);
});

test("a refused judgment and what follows of it are dropped, and the others go on", async () => {
  const [storage, server] = [new Cupboard(), new Server()];
  const { outbox, heard } = open(storage, server);
  server.trouble = () => new ApiError("That screen was judged before.", 409);
  const body = outbox.judge({ generation_id: 1, ...NONE });
  outbox.undo(body);
  await outbox.settled();
  assert.deepEqual(heard[0], ["refused", body.client_key, 409, false]);
  assert.deepEqual(server.asked, ["POST /judgments"]);
  assert.equal(storage.length, 0);
});

test("what was not found is tried on three visits, as it may be another person's session", async () => {
  const [storage, server] = [new Cupboard(), new Server()];
  server.trouble = () => new ApiError("There is no such screen.", 404);
  const first = open(storage, server);
  first.outbox.judge({ generation_id: 1, ...NONE });
  await first.outbox.settled();
  const kept = [first.heard[0].at(-1)];
  for (let visit = 2; visit <= 3; visit += 1) {
    const { outbox, heard } = open(storage, server);
    outbox.flush();
    await outbox.settled();
    kept.push(heard[0].at(-1));
  }
  assert.deepEqual(kept, [true, true, false]);
  assert.equal(storage.length, 0);
});

test("who is signed out keeps all, and later gestures wait behind the first", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const [storage, server] = [new Cupboard(), new Server()];
  const { outbox, heard } = open(storage, server);
  server.trouble = () => new ApiError("You are signed out.", 401);
  outbox.judge({ generation_id: 1, ...NONE });
  assert.equal(await outbox.settled(), false);
  outbox.judge({ generation_id: 2, ...NONE });
  await outbox.settled();
  assert.equal(storage.length, 2);
  assert.ok(heard.every(([what, sentence]) => what === "waiting" && sentence === "You are signed out."));
});
