// What people decide of their desk goes to the server, one request after the other: what was decided last is stored last.

import { call } from "../shared/api.js";

/** @import { DeskSettings } from "../types" */

/** @type {Promise<unknown>} */
let before = Promise.resolve();

/**
 * Stores settings after those that are on their way; the others stay. Rejects with an ApiError where it cannot.
 *
 * @param {DeskSettings} settings
 */
export function store(settings) {
  const stored = before.then(() => call("PATCH", "/me", { settings }));
  before = stored.catch(() => {});
  return stored;
}
