// How much was judged, how much is left, and how long without a break.

import { count } from "../../shared/text.js";
import { gettext } from "../../shared/words.js";

/** @import { Drawer } from "../drawer.js" */

const LONGEST_LOOK = 120; // seconds; longer means that somebody was away
const QUICKEST = 3; // seconds in which somebody reads a text and its rewrites; what is quicker says nothing of what is left
const FEWEST = 5; // timed judgments from which on it is said how long the rest takes
const PAUSE = 5 * 60_000; // milliseconds without a gesture that make a break
const AGAIN = 15 * 60_000; // a break that was put off is suggested again after this

/** The number of a day of this place, one more than that of the day before. @param {number} moment */
const dayOf = (moment) => {
  const date = new Date(moment);
  return Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000;
};

export class Tally {
  /**
   * @param {number} sitting judged in this sitting
   * @param {number} today judged today
   * @param {number} timed those of them whose time is known
   * @param {number} seconds what they took together
   * @param {number} streak days in a row, today included if something was judged
   * @param {number} last when the last one of the sitting was judged, in milliseconds
   * @param {number} pause milliseconds without a judgment that end a sitting, as the server has it
   * @param {number} left texts of the queue that still wait for this person
   * @param {number} most up to which those are counted
   */
  constructor(sitting, today, timed, seconds, streak, last, pause, left = 0, most = Infinity) {
    this.sitting = sitting;
    this.today = today;
    this.timed = timed;
    this.seconds = seconds;
    this.before = streak - (today > 0 ? 1 : 0); // days in a row without today
    this.last = last;
    this.pause = pause;
    this.left = left;
    this.most = most;
    this.many = left >= most; // then it is not known how many
    this.day = dayOf(Date.now());
  }

  // A desk may stay open over a pause or a night: then the sitting, or the day, is another one.
  #catchUp() {
    const now = Date.now();
    if (now - this.last >= this.pause) this.sitting = 0;
    const days = dayOf(now) - this.day;
    if (days > 0) {
      this.before = days === 1 && this.today > 0 ? this.before + 1 : 0;
      this.today = this.timed = this.seconds = 0;
      this.day += days;
    }
  }

  /** @param {1 | -1} gestures made or taken back @param {number} looked seconds @param {boolean} queued whether on the queue's */
  count(gestures, looked, queued = false) {
    this.#catchUp();
    if (queued) this.left = Math.max(0, this.left - gestures);
    if (gestures > 0) this.last = Date.now();
    this.sitting = Math.max(0, this.sitting + gestures);
    this.today = Math.max(0, this.today + gestures);
    this.timed = Math.max(0, this.timed + gestures);
    this.seconds = Math.max(0, this.seconds + gestures * Math.min(looked, LONGEST_LOOK));
  }

  // What is worth saying, by the place where it is said.
  figures() {
    this.#catchUp();
    const days = this.before + (this.today > 0 ? 1 : 0);
    const sitting = this.sitting > 0 && this.sitting !== this.today;
    return {
      progress: this.#progress(),
      remaining: this.left > 0 && !this.many && this.timed >= FEWEST ? this.#remaining() : "",
      tally: sitting ? gettext("%(number)s judged in this sitting", { number: count(this.sitting) }) : "",
      streak: days > 1 ? gettext("%(number)s days in a row", { number: days }) : "",
    };
  }

  /** What waits, for the title of the page; nothing if nothing does. */
  waiting() {
    if (this.many) return `${count(this.most)}+`;
    return this.left > 0 ? count(this.left) : "";
  }

  #progress() {
    const number = count(this.today);
    if (this.many) return gettext("%(number)s today, more than %(most)s left", { number, most: count(this.most) });
    if (this.left > 0) return gettext("%(number)s of %(all)s", { number, all: count(this.today + this.left) });
    return this.today > 0 ? gettext("%(number)s today", { number }) : "";
  }

  #remaining() {
    const minutes = (this.left * Math.max(QUICKEST, this.seconds / this.timed)) / 60;
    if (minutes > 90) return gettext("about %(number)s h left", { number: count(Math.round(minutes / 60)) });
    if (minutes < 1) return gettext("about a minute left");
    return gettext("about %(number)s min left", { number: Math.round(minutes) });
  }
}

// The time of work goes on over reloads, and begins anew after a pause.
export class Breaks {
  /**
   * @param {Drawer<{ since: number, last: number }>} drawer
   * @param {number} minutes of work until a break is suggested; 0 for never
   */
  constructor(drawer, minutes) {
    this.drawer = drawer;
    this.limit = minutes * 60_000;
  }

  // Tells of a gesture; returns the minutes of work if it is time for a break, else 0.
  worked() {
    const now = Date.now();
    const kept = this.drawer.get("now");
    const since = kept && now - kept.last < PAUSE ? kept.since : now;
    this.drawer.put("now", { since, last: now });
    return this.limit && now - since >= this.limit ? Math.round((now - since) / 60_000) : 0;
  }

  putOff() {
    const now = Date.now();
    this.drawer.put("now", { since: now - this.limit + AGAIN, last: now });
  }
}
