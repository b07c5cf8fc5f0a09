// How much is assigned to the person at the desk, and until when. What is assigned comes before anything else.

import { count } from "../../shared/text.js";
import { gettext, language } from "../../shared/words.js";

export class Assigned {
  /**
   * @param {number} number prompts that are assigned and wait
   * @param {string} due the first day, in UTC, on which some of them are due, or an empty text
   * @param {number} most up to which those are counted
   */
  constructor(number, due, most) {
    this.number = number;
    this.due = due;
    this.most = most;
    this.many = number >= most;
  }

  /** @param {1 | -1} gestures made or taken back on the queue's screens */
  count(gestures) {
    if (this.number > 0) this.number -= gestures;
  }

  /** What is said of it: nothing if nothing is assigned. */
  sentence() {
    if (this.number <= 0) return "";
    const number = this.many ? `${count(this.most)}+` : count(this.number);
    if (!this.due) return gettext("%(number)s assigned to you", { number });
    const day = new Date(this.due).toLocaleDateString(language, { day: "numeric", month: "long", timeZone: "UTC" });
    if (this.due < new Date().toISOString().slice(0, 10))
      return gettext("%(number)s assigned to you, overdue since %(day)s", { number, day });
    return gettext("%(number)s assigned to you, due %(day)s", { number, day });
  }
}
