// Gestures on their way to the server. Each is kept in the browser before it is sent, and until the server has answered;
// they are sent one after the other. What could not be sent is sent when the connection is back, by this page or by the
// next one. Each judgment carries a key of its own, so that a second sending of it is the same judgment.

import { ApiError, call } from "../../shared/api.js";
import { uuid } from "../drawer.js";

/** @import { Drawer } from "../drawer.js" */
/** @import { Judgment, KeyedJudgment } from "../../types" */

/**
 * A gesture as it lies in the drawer; `id` is that of the judgment to take back, where it is known.
 *
 * @typedef {{ kind: "judge" | "undo", body: KeyedJudgment, id?: number, refusals?: number }} Gesture
 */
/** @typedef {Gesture & { name: string }} Entry */
/**
 * Who hears what became of a gesture, or that something or nothing waits.
 *
 * @typedef {object} Listener
 * @property {(key: string) => void} sent
 * @property {(entry: Entry, error: ApiError, kept: boolean) => void} refused
 * @property {(error: Error) => void} waiting
 * @property {() => void} through
 */

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 20_000;
const MOST_REFUSALS = 3;
const REFUSALS = [400, 404, 409, 413, 422]; // anything else may be different next time: no connection, signed out, …

export class Outbox {
  /** @type {number | undefined} */
  #timer;
  #pause = FIRST_PAUSE;
  #busy = false;
  /** @type {((all: boolean) => void)[]} */
  #expecting = []; // those who wait until it has settled
  /** @type {Map<string, number>} */
  #ids = new Map(); // of judgments that this page has sent, by their keys

  /**
   * @param {Drawer<Gesture>} drawer
   * @param {Listener} told
   * @param {typeof call} ask how the server is asked
   */
  constructor(drawer, told, ask = call) {
    this.drawer = drawer;
    this.told = told;
    this.ask = ask;
    /** @type {Entry[]} */
    this.queue = drawer.names().flatMap((name) => {
      const gesture = drawer.get(name);
      return gesture?.body ? [{ name, ...gesture }] : [];
    });
    /** @type {Error | null} */
    this.trouble = null;
  }

  get length() {
    return this.queue.length;
  }

  // The screens that are judged here, whatever the server knows of it.
  screens() {
    const judged = new Map(this.queue.map((entry) => [entry.body.generation_id, entry.kind === "judge"]));
    return [...judged].filter(([, yes]) => yes).map(([generation]) => generation);
  }

  /**
   * Returns the gesture as it is sent, with its client_key.
   *
   * @param {Judgment} body
   */
  judge(body) {
    const sent = { ...body, client_key: uuid() };
    this.#add({ kind: "judge", body: sent });
    return sent;
  }

  /**
   * The judgment is sent in any case, also if it still waits: it was made.
   *
   * @param {KeyedJudgment} body
   */
  undo(body) {
    this.#add({ kind: "undo", body, id: this.#ids.get(body.client_key) });
  }

  /** @param {Gesture} gesture */
  #add(gesture) {
    const last = Number(this.queue.at(-1)?.name.split("-")[0] ?? 0);
    const name = `${String(Math.max(Date.now(), last + 1)).padStart(15, "0")}-${gesture.kind}-${gesture.body.client_key}`;
    this.drawer.put(name, gesture);
    this.queue.push({ name, ...gesture });
    if (this.trouble) this.told.waiting(this.trouble);
    this.flush();
  }

  async flush() {
    if (this.#busy || !this.queue.length) return;
    this.#busy = true;
    clearTimeout(this.#timer);
    try {
      while (this.queue.length) await this.#send(this.queue[0]);
      this.#pause = FIRST_PAUSE;
      this.trouble = null;
      this.told.through();
    } catch (error) {
      this.trouble = error instanceof Error ? error : new Error(String(error));
      this.told.waiting(this.trouble);
      this.#timer = setTimeout(() => this.flush(), this.#pause);
      this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
    } finally {
      this.#busy = false;
      for (const settle of this.#expecting.splice(0)) settle(!this.trouble);
    }
  }

  /**
   * Settles when all is sent, with true, or when something cannot be sent for now, with false.
   *
   * @returns {Promise<boolean>}
   */
  settled() {
    if (!this.#busy) return Promise.resolve(!this.trouble);
    return new Promise((resolve) => { this.#expecting.push(resolve); });
  }

  /**
   * Throws if it is to be tried again.
   *
   * @param {Entry} entry
   */
  async #send(entry) {
    const key = entry.body.client_key;
    try {
      // The key names the judgment, also where the answer to its first sending was never heard.
      const id = (entry.kind === "undo" ? entry.id ?? this.#ids.get(key) : undefined) ?? await this.#judged(entry.body);
      if (entry.kind === "undo") await this.ask("DELETE", `/judgments/${id}`);
      this.#ids.set(key, id);
      this.#drop(entry);
      if (entry.kind === "judge") this.told.sent(key);
    } catch (error) {
      if (!(error instanceof ApiError && REFUSALS.includes(error.status))) throw error;
      this.#refused(entry, error);
    }
  }

  /** @param {KeyedJudgment} body */
  async #judged(body) {
    /** @type {{ id: number }} */
    const { id } = await this.ask("POST", "/judgments", body);
    return id;
  }

  /**
   * What the server will not have stays in the drawer for the next visits if it may have been another person's session.
   *
   * @param {Entry} entry
   * @param {ApiError} error
   */
  #refused(entry, error) {
    const refusals = (entry.refusals ?? 0) + 1;
    this.queue = this.queue.filter((one) => one.body.client_key !== entry.body.client_key);
    const kept = error.status === 404 && refusals < MOST_REFUSALS;
    if (kept) this.drawer.put(entry.name, { ...entry, refusals });
    else this.#forget(entry.body.client_key);
    this.told.refused(entry, error, kept);
  }

  /** @param {string} key */
  #forget(key) {
    for (const name of this.drawer.names()) if (name.endsWith(key)) this.drawer.remove(name);
  }

  /** @param {Entry} entry */
  #drop(entry) {
    this.drawer.remove(entry.name);
    this.queue = this.queue.filter((one) => one !== entry);
  }
}
