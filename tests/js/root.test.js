// Where the scripts send their requests when a proxy gives Mellow a path.

import assert from "node:assert/strict";
import { test } from "node:test";

import { page } from "./support/page.js";

page.root = "/mellow";
const { call } = await import("../../static/js/shared/api.js");

test("the API is asked below the path of the page", async () => {
  const asked = [];
  globalThis.fetch = async (address) => {
    asked.push(address);
    return Response.json({});
  };
  await call("GET", "/me");
  assert.deepEqual(asked, ["/mellow/api/v1/me"]);
});
