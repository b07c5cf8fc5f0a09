// What the modules of the desk share: what the server wrote onto the page.

import { element } from "../shared/dom.js";

export const desk = element("desk");
export const longest = Number(desk.dataset.longest); // characters that a text may have
export const person = desk.dataset.person ?? "";

/** @param {"blur" | "diff" | "warned"} name @returns {boolean} */
export const given = (name) => JSON.parse(desk.dataset[name] ?? "false");
