// Several tabs of one person: no screen in two of them.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import "../support/page.js";
import { Drawer } from "../../../static/js/desk/drawer.js";
import { Tabs } from "../../../static/js/desk/tabs.js";
import { Cupboard } from "../support/cupboard.js";

const screens = await import("../../../static/js/desk/screens.js");

let cupboard;
const tab = () => new Tabs(new Drawer(cupboard, "tab", "3"));

beforeEach(() => { cupboard = new Cupboard(); });

test("a tab knows what the others hold, but not what it holds itself", () => {
  const [one, other] = [tab(), tab()];
  one.hold(4);
  one.hold(5);
  one.hold(5);
  assert.deepEqual([one.taken(), other.taken()], [[], [4, 5]]);
  one.leave();
  assert.deepEqual(other.taken(), []);
});

test("a tab that was silent for three minutes holds nothing any more, one that shows life does", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const [killed, alive, third] = [tab(), tab(), tab()];
  killed.hold(4);
  alive.hold(5);
  t.mock.timers.tick(120_000);
  alive.live();
  t.mock.timers.tick(60_000);
  assert.deepEqual(third.taken(), [5]);
});

test("the server is told what the other tabs hold, and a screen that one of them was quicker to get is asked for anew", async () => {
  const [mine, other] = [tab(), tab()];
  const asked = [];
  const queue = [7, 8];
  globalThis.fetch = async (_, { body }) => {
    asked.push(JSON.parse(body).shown);
    const id = queue.shift();
    if (id === 7) other.hold(7);
    return Response.json({ id });
  };
  other.hold(6);
  screens.share(mine);
  assert.equal((await screens.next())?.id, 8);
  assert.deepEqual(asked, [[6], [6, 7]]);
  assert.deepEqual(other.taken(), [8]);
});
