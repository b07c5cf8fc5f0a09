// What the tour teaches: three screens with fixed texts, and the gestures that each asks for in turn.

import { gettext } from "../../shared/words.js";

/** @typedef {{ source: string, cards: string[] }} Practice a text and its rewrites */
/** @typedef {"choose" | "undo" | "none" | "edit" | "tie"} Gesture */
/**
 * What is asked for, in words and by its name, and what is said after it: after a choice, by what was chosen.
 *
 * @typedef {{ screen: Practice, wants: Gesture, task: string, after: string[] }} Lesson
 */

const PLAN = {
  source: "You are a stupid idiot if you think that this plan will work.",
  cards: ["I do not think that this plan will work.", "You are silly to think that this plan will work.", "This plan will surely work."],
};
const NOISE = {
  source: "Shut up, nobody wants to hear your garbage.",
  cards: ["Be quiet, nobody wants your rubbish.", "Nobody wants to hear you, you fool.", "Garbage is something that you can hear."],
};
const FILM = {
  source: "This movie was total crap.",
  cards: ["I did not like this movie at all.", "This movie was not good at all.", "Whoever made this movie is a disgrace."],
};

/** @type {Lesson[]} */
export const LESSONS = [
  {
    screen: PLAN,
    wants: "choose",
    task: gettext("Which rewrite says the same and insults nobody? Press 1, 2 or 3, or click it."),
    after: [
      gettext("Yes: the meaning is still there and the insult is gone."),
      gettext("“Silly” is milder, but still an insult; the first one has none."),
      gettext("That is friendly, but it says the opposite; the first one says the same."),
    ],
  },
  {
    screen: PLAN,
    wants: "undo",
    task: gettext("A slip is no harm. Press U to take it back."),
    after: [gettext("Taken back. On the desk you would now choose anew.")],
  },
  {
    screen: NOISE,
    wants: "none",
    task: gettext("None of these will do: press N for “none is good”."),
    after: [gettext("Right. That teaches the model, too.")],
  },
  {
    screen: NOISE,
    wants: "edit",
    task: gettext("Better still, write it as it should be: press E, change the text, and press Enter."),
    after: [gettext("Your text now counts as better than all three.")],
  },
  {
    screen: FILM,
    wants: "tie",
    task: gettext("The first two are equally good: press T, then 1 and 2, then Enter."),
    after: [gettext("They share the first place.")],
  },
];
