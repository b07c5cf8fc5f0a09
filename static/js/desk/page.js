// What the modules of the desk share: what the server wrote onto the page.

import { root } from "../shared/api.js";
import { element } from "../shared/dom.js";

export const desk = element("desk");
/** Whether a chat model answers here, and no T5 rewrites. */
export const answering = desk.dataset.task === "answering";
export const longest = Number(desk.dataset.longest); // characters that a text may have
/** Whose drawers in the browser's storage are used: another studio on the same host has people of the same numbers. */
export const person = `${root && `${root}/`}${desk.dataset.person ?? ""}`;

/** @param {"blur" | "diff" | "warned"} name @returns {boolean} */
export const given = (name) => JSON.parse(desk.dataset[name] ?? "false");
