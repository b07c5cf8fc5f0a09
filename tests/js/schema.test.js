// JSON Schema as the API's page shows it.

import assert from "node:assert/strict";
import { test } from "node:test";

import "./support/page.js";
import { Schemas } from "../../static/js/api/schema.js";

const TREE = { type: "object", required: ["children"], properties: { children: { type: "array", items: { $ref: "#/components/schemas/Tree" } } } };
const schemas = new Schemas({
  Text: { type: "object", required: ["text"], properties: { text: { type: "string" }, note: { type: "string" } } },
  Tree: TREE,
});
const TEXT = { $ref: "#/components/schemas/Text" };

test("an example holds what must be there", () => {
  assert.deepEqual(schemas.example(TEXT), { text: "You are a stupid idiot" });
  assert.deepEqual(schemas.example({ type: "array", items: TEXT }), [{ text: "You are a stupid idiot" }]);
});

test("an example takes what the schema says: a default, a constant, the first choice, the least number", () => {
  assert.equal(schemas.example({ type: "string", default: "loss" }), "loss");
  assert.equal(schemas.example({ default: null }), null);
  assert.equal(schemas.example({ const: 3 }), 3);
  assert.equal(schemas.example({ enum: ["a", "b"] }), "a");
  assert.deepEqual(schemas.example({ oneOf: [TEXT, { type: "null" }] }), { text: "You are a stupid idiot" });
  assert.equal(schemas.example({ type: "integer", minimum: 5 }), 5);
  assert.equal(schemas.example({ type: "number", minimum: 0 }), 1);
  assert.equal(schemas.example({ type: "boolean" }), true);
});

test("an object in which nothing must be there shows its first field", () => {
  assert.deepEqual(schemas.example({ properties: { generation_id: { type: "integer" }, note: {} } }), { generation_id: 1 });
  assert.deepEqual(schemas.example({ type: "object" }), {});
});

test("a schema within itself has an end", () => {
  assert.ok(JSON.stringify(schemas.example({ $ref: "#/components/schemas/Tree" })).length < 200);
});

test("types are said in words", () => {
  assert.equal(schemas.type(TEXT), "Text");
  assert.equal(schemas.type({ type: "array", items: TEXT }), "list of Text");
  assert.equal(schemas.type({ anyOf: [{ type: "integer" }, { type: "null" }] }), "integer or null");
  assert.equal(schemas.type({ type: "integer", minimum: 0, maximum: 9 }), "integer from 0 to 9");
  assert.equal(schemas.type({ type: "string", format: "date" }), "date");
  assert.equal(schemas.type({ type: "string", maxLength: 20 }), "string at most 20");
  assert.equal(schemas.type({ enum: ["a", 1] }), '"a" or 1');
  assert.equal(schemas.type({}), "anything");
});
