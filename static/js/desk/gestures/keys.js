// The keys of the desk. Each does what one click on its button does.

import { around, element, typing } from "../../shared/dom.js";
import { leaves, modified, sends } from "../../shared/keys.js";
import { covered } from "../look/foreign.js";
import * as guidelines from "../guidelines.js";
import { help, toggleBlur, toggleDiff } from "../look/view.js";
import { answering } from "../page.js";
import { cards, pointedAt } from "./cards.js";
import { always, meaning } from "./presses.js";
import * as reasons from "./reasons.js";
import * as tie from "./tie.js";

/** @import { Deed, Meaning } from "./presses.js" */
/** @import { Kind } from "./reasons.js" */
/**
 * What the desk can be made to do.
 *
 * @typedef {object} Deeds
 * @property {() => boolean} judging whether a screen waits for its verdict
 * @property {() => void} reveal shows what is blurred or not shown yet
 * @property {(card: HTMLButtonElement) => void} choose
 * @property {() => void} none
 * @property {() => void} fine the text needs no rewrite
 * @property {(kind: Kind, reason: string) => void} reason
 * @property {() => void} tie
 * @property {(slot: number) => void} edit
 * @property {() => void} undo
 * @property {(event: Event) => void} ask
 * @property {() => boolean} cancel stops what is drawn; whether anything was
 */

/** @type {Deed[]} */
const SKIPS = ["skip", "flag"]; // what can be said of a text whose rewrites are not shown
/** @type {Deed[]} */
const OF_REWRITES = ["diff", "fine"];

/** @param {Deeds} deeds */
export function onKeys(deeds) {
  /** @type {string | null} */
  let held = null; // the key that did something and is still down: it must not type into the box that it opened

  /** @param {Kind} kind @param {boolean} asked whether for a reason */
  const reason = (kind, asked) => (asked && !covered() ? reasons.ask(kind) : deeds.reason(kind, ""));

  /** @type {Record<Deed, (meant: Meaning) => void>} */
  const acts = {
    undo: deeds.undo,
    diff: toggleDiff,
    blur: toggleBlur,
    reveal: deeds.reveal,
    guidelines: guidelines.toggle,
    help,
    text: () => element("text").focus(),
    none: deeds.none,
    fine: deeds.fine,
    tie: deeds.tie,
    edit: () => deeds.edit(Number(pointedAt()?.dataset.slot ?? 0)),
    skip: ({ shift }) => reason("skip", shift),
    flag: ({ shift }) => reason("flag", shift),
    choose({ digit, shift }) {
      const card = cards[digit - 1];
      if (tie.tying()) tie.pick(card);
      else if (shift) deeds.edit(digit);
      else if (!card.hidden) deeds.choose(card);
    },
  };

  /** @param {Meaning} meant */
  function possible({ deed, digit }) {
    if (answering && OF_REWRITES.includes(deed)) return false;
    if (always(deed)) return true;
    if (covered() && !SKIPS.includes(deed)) return false;
    return deeds.judging() && (deed !== "choose" || around(cards[digit - 1] ?? null, ".slot")?.hidden === false);
  }

  /** @param {KeyboardEvent} event */
  function inTextBox(event) {
    if (event.target !== element("text")) return;
    if (sends(event)) {
      deeds.ask(event);
      held = event.code;
    }
    if (leaves(event) && !deeds.cancel()) element("text").blur();
  }

  document.addEventListener("keyup", (event) => { if (event.code === held) held = null; });
  document.addEventListener("keydown", (event) => {
    if (!event.repeat) held = null;
    if (event.repeat && event.code === held) event.preventDefault();
    if (event.repeat && ["Enter", " "].includes(event.key) && around(event.target, "button")) event.preventDefault();
    if (modified(event) || event.repeat || event.defaultPrevented) return;
    if (document.querySelector("dialog:modal")) return;
    if (typing(event.target)) {
      inTextBox(event);
      return;
    }
    if (tie.tying() && (event.key === "Enter" || event.key === "Escape")) {
      const enter = event.key === "Enter";
      if (enter && around(event.target, ".choice, #tie-bar")) return; // picks that card, or presses that button
      event.preventDefault();
      if (enter) tie.finish();
      else tie.leave();
      return;
    }
    if (leaves(event) && deeds.cancel()) return;
    const meant = meaning(event);
    if (!meant || !possible(meant)) return;
    event.preventDefault(); // or the character would land in the text box that comes next
    held = event.code;
    acts[meant.deed](meant);
  });
}
