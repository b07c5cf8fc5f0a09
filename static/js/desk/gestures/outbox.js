// Gestures on their way to the server. Each is kept in the browser before it is sent, and until the server has answered;
// they are sent one after the other. What could not be sent is sent when the connection is back, by this page or by the
// next one. Each judgment carries a key of its own, so that a second sending of it is the same judgment.

import { call } from "../../shared/api.js";
import { Drawer, uuid } from "../page.js";

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 20_000;
const MOST_REFUSALS = 3;
const REFUSALS = [400, 404, 409, 413, 422]; // anything else may be different next time: no connection, signed out, …

export class Outbox {
  // `told` is called with what became of a gesture: ("sent", key, id), ("refused", entry, error, kept), ("waiting", error) and
  // ("through") once nothing waits any more.
  constructor(told) {
    this.told = told;
    this.drawer = new Drawer(localStorage, "outbox");
    this.queue = this.drawer.names().map((name) => ({ name, ...this.drawer.get(name) })).filter((entry) => entry.body);
    this.ids = new Map(); // of judgments that this page has sent, by their keys
    this.pause = FIRST_PAUSE;
    this.trouble = null;
    this.busy = false;
    this.expecting = []; // those who wait until it has settled
    addEventListener("online", () => this.flush());
    addEventListener("focus", () => this.flush());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.flush(); });
  }

  get length() {
    return this.queue.length;
  }

  // The screens that are judged here, whatever the server knows of it.
  screens() {
    const judged = new Map(this.queue.map((entry) => [entry.body.generation_id, entry.kind === "judge"]));
    return [...judged].filter(([, yes]) => yes).map(([generation]) => generation);
  }

  // Returns the gesture as it is sent, with its client_key.
  judge(body) {
    const sent = { ...body, client_key: uuid() };
    this.#add({ kind: "judge", body: sent });
    return sent;
  }

  // The judgment is sent in any case, also if it still waits: it was made.
  undo(body) {
    this.#add({ kind: "undo", body, id: this.ids.get(body.client_key) });
  }

  #add(entry) {
    const last = this.queue.length ? Number(this.queue.at(-1).name.split("-")[0]) : 0;
    const name = `${String(Math.max(Date.now(), last + 1)).padStart(15, "0")}-${entry.kind}-${entry.body.client_key}`;
    this.drawer.put(name, entry);
    this.queue.push({ name, ...entry });
    if (this.trouble) this.told("waiting", this.trouble);
    this.flush();
  }

  async flush() {
    if (this.busy || !this.queue.length) return;
    this.busy = true;
    clearTimeout(this.timer);
    try {
      while (this.queue.length) await this.#send(this.queue[0]);
      this.pause = FIRST_PAUSE;
      this.trouble = null;
      this.told("through");
    } catch (error) {
      this.trouble = error;
      this.told("waiting", error);
      this.timer = setTimeout(() => this.flush(), this.pause);
      this.pause = Math.min(2 * this.pause, LONGEST_PAUSE);
    } finally {
      this.busy = false;
      for (const settle of this.expecting.splice(0)) settle(!this.trouble);
    }
  }

  // Settles when all is sent, with true, or when something cannot be sent for now, with false.
  settled() {
    if (!this.busy) return Promise.resolve(!this.trouble);
    return new Promise((resolve) => { this.expecting.push(resolve); });
  }

  // Throws if it is to be tried again.
  async #send(entry) {
    const key = entry.body.client_key;
    try {
      if (entry.kind === "judge") {
        const { id } = await call("POST", "/judgments", entry.body);
        this.ids.set(key, id);
        this.#drop(entry);
        this.told("sent", key, id);
      } else {
        // The key names the judgment, also where the answer to its first sending was never heard.
        const id = entry.id ?? this.ids.get(key) ?? (await call("POST", "/judgments", entry.body)).id;
        await call("DELETE", `/judgments/${id}`);
        this.#drop(entry);
      }
    } catch (error) {
      if (!REFUSALS.includes(error.status)) throw error;
      this.#refused(entry, error);
    }
  }

  // What the server will not have stays in the drawer for the next visits if it may have been another person's session.
  #refused(entry, error) {
    const refusals = (entry.refusals ?? 0) + 1;
    this.queue = this.queue.filter((one) => one.body.client_key !== entry.body.client_key);
    const kept = error.status === 404 && refusals < MOST_REFUSALS;
    if (kept) this.drawer.put(entry.name, { ...entry, refusals });
    else this.#forget(entry.body.client_key);
    this.told("refused", entry, error, kept);
  }

  #forget(key) {
    for (const name of this.drawer.names()) if (name.endsWith(key)) this.drawer.remove(name);
  }

  #drop(entry) {
    this.drawer.remove(entry.name);
    this.queue = this.queue.filter((one) => one !== entry);
  }
}
