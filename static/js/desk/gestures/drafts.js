// What is being written on a screen, kept in the browser at every key: a reload, a crash or Esc loses none of it.

import { Drawer } from "../page.js";

const DAY = 86_400_000;
const KEPT_DAYS = 14;
const drawer = new Drawer(localStorage, "draft");

// The drafts of a screen: {texts: {slot: text}, open: the slot that is being edited, or null, at}. Slot 0 is one's own.
export function draftsOf(generation) {
  return drawer.get(String(generation)) ?? { texts: {}, open: null };
}

export function keepDraft(generation, slot, text, open) {
  const found = draftsOf(generation);
  if (text === null) delete found.texts[slot];
  else found.texts[slot] = text;
  found.open = open ? slot : null;
  if (Object.keys(found.texts).length) drawer.put(String(generation), { ...found, at: Date.now() });
  else drawer.remove(String(generation));
}

export function dropDrafts(generation) {
  drawer.remove(String(generation));
}

for (const name of drawer.names()) if (Date.now() - (drawer.get(name)?.at ?? 0) > KEPT_DAYS * DAY) drawer.remove(name);
