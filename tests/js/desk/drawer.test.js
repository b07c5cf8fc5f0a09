// A drawer in the browser's storage.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Drawer, uuid } from "../../../static/js/desk/drawer.js";
import { Cupboard } from "../support/cupboard.js";

test("what is put in is there for the next page of the same person, and for nobody else", () => {
  const storage = new Cupboard();
  new Drawer(storage, "draft", "7").put("12", { text: "hm" });
  assert.deepEqual(new Drawer(storage, "draft", "7").get("12"), { text: "hm" });
  assert.deepEqual(new Drawer(storage, "draft", "7").names(), ["12"]);
  for (const other of [new Drawer(storage, "draft", "8"), new Drawer(storage, "outbox", "7")]) {
    assert.equal(other.get("12"), null);
    assert.deepEqual(other.names(), []);
  }
});

test("names come in order, and what is taken out is gone", () => {
  const drawer = new Drawer(new Cupboard(), "outbox", "7");
  for (const name of ["b", "c", "a"]) drawer.put(name, 1);
  drawer.remove("b");
  assert.deepEqual(drawer.names(), ["a", "c"]);
});

test("where the storage is full, the drawer lasts as long as the page", () => {
  const storage = new Cupboard(5);
  const drawer = new Drawer(storage, "draft", "7");
  drawer.put("long", "too long for it");
  assert.equal(drawer.get("long"), "too long for it");
  assert.deepEqual(drawer.names(), ["long"]);
  assert.equal(new Drawer(storage, "draft", "7").get("long"), null);
  drawer.put("long", "ok");
  assert.equal(new Drawer(storage, "draft", "7").get("long"), "ok");
  drawer.put("long", "too long again");
  drawer.remove("long");
  assert.deepEqual(drawer.names(), []);
});

test("what somebody else wrote into it is nothing", () => {
  const storage = new Cupboard();
  storage.setItem("mellow.draft.7.12", "{");
  assert.equal(new Drawer(storage, "draft", "7").get("12"), null);
});

test("keys are UUIDs of version 4, each another", () => {
  const keys = Array.from({ length: 100 }, uuid);
  for (const key of keys) assert.match(key, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(new Set(keys).size, keys.length);
});
