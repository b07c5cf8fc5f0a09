// What was said of screens that are not judged yet, kept in the browser: a reload or another text loses none of it.

import { Drawer } from "../drawer.js";
import { person } from "../page.js";

/** @import { Judgment } from "../../types" */
/** @typedef {Pick<Judgment, "remarks" | "comment">} Beside */

const KEPT = 14 * 86_400_000; // milliseconds: fourteen days
/** @type {Drawer<Beside & { at: number }>} */
const drawer = new Drawer(localStorage, "beside", person);

/** @param {number} generation @returns {Beside} */
export const of = (generation) => drawer.get(String(generation)) ?? {};

/** @param {number} generation @param {Beside} said */
export function put(generation, said) {
  if (Object.keys(said).length) drawer.put(String(generation), { ...said, at: Date.now() });
  else drop(generation);
}

/** @param {number} generation */
export function drop(generation) {
  drawer.remove(String(generation));
}

for (const name of drawer.names()) if (Date.now() - (drawer.get(name)?.at ?? 0) > KEPT) drawer.remove(name);
