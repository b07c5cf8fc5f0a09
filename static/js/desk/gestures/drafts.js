// What is being written on a screen, kept in the browser at every key: a reload, a crash or Esc loses none of it.

/** @import { Drawer } from "../drawer.js" */

/**
 * The drafts of one screen, by slot; slot 0 is one's own. `open` is the slot that is being edited.
 *
 * @typedef {{ texts: Record<number, string>, open: number | null, at?: number }} Kept
 */

const KEPT = 14 * 86_400_000; // milliseconds: fourteen days

export class Drafts {
  /** @param {Drawer<Kept>} drawer */
  constructor(drawer) {
    this.drawer = drawer;
    for (const name of drawer.names()) if (Date.now() - (drawer.get(name)?.at ?? 0) > KEPT) drawer.remove(name);
  }

  /** @param {number} generation @returns {Kept} */
  of(generation) {
    return this.drawer.get(String(generation)) ?? { texts: {}, open: null };
  }

  /**
   * @param {number} generation
   * @param {number} slot
   * @param {string | null} text null where nothing is left to keep
   * @param {boolean} open whether it is still being edited
   */
  keep(generation, slot, text, open) {
    const found = this.of(generation);
    if (text === null) delete found.texts[slot];
    else found.texts[slot] = text;
    found.open = open ? slot : null;
    if (Object.keys(found.texts).length) this.drawer.put(String(generation), { ...found, at: Date.now() });
    else this.drop(generation);
  }

  /** @param {number} generation */
  drop(generation) {
    this.drawer.remove(String(generation));
  }
}
