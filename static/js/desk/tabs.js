// The tabs in which one person works at the same time: each says which screens it holds, so that no two show the same one.

import { uuid } from "./drawer.js";

/** @import { Drawer } from "./drawer.js" */

const BEAT = 60_000; // milliseconds between two signs of life; browsers wake a tab in the background once a minute
const ALIVE = 3 * BEAT; // a tab that was silent for longer was killed, and its screens are served again
const MOST = 50; // the latest screens that a tab names

/** @typedef {{ ids: number[], at: number }} Held the screens of a tab, and when it last said so */

export class Tabs {
  /** @param {Drawer<Held>} drawer */
  constructor(drawer) {
    this.drawer = drawer;
    this.name = uuid();
    /** @type {number[]} */
    this.ids = [];
  }

  // The screens that other tabs hold.
  taken() {
    const others = this.drawer.names().filter((name) => name !== this.name);
    return others.flatMap((name) => {
      const held = this.drawer.get(name);
      if (held && Date.now() - held.at < ALIVE) return held.ids;
      this.drawer.remove(name);
      return [];
    });
  }

  /** @param {number} id of a screen that this tab now holds */
  hold(id) {
    if (!this.ids.includes(id)) this.ids = [...this.ids, id].slice(-MOST);
    this.live();
  }

  live() {
    if (this.ids.length) this.drawer.put(this.name, { ids: this.ids, at: Date.now() });
  }

  leave() {
    this.drawer.remove(this.name);
  }

  // A page that is left gives its screens back; one that the browser brings back as it was holds them again.
  follow() {
    setInterval(() => this.live(), BEAT);
    addEventListener("pagehide", () => this.leave());
    addEventListener("pageshow", () => this.live());
  }
}
