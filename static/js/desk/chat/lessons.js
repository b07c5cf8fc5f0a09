// What the tour teaches where a chat model answers.

import { gettext } from "../../shared/words.js";

/** @import { Lesson } from "../tour/lessons.js" */

const SKY = {
  source: "Why is the sky blue? Answer in one sentence.",
  cards: [
    "Air scatters the blue part of sunlight most, so blue light reaches us from everywhere.",
    "The sky is blue because it is blue.",
    "The sky mirrors the oceans, which are blue.",
  ],
};
const CAPITAL = {
  source: "What is the capital of Australia?",
  cards: ["It is Sydney.", "Australia has no capital.", "The capital of Australia is Vienna."],
};
const NOTE = {
  source: "Thank a colleague who helped me move.",
  cards: ["Thank you so much for your help on Saturday!", "Many thanks for helping me move, it meant a lot.", "Moving is hard work."],
};

/** @type {Lesson[]} */
export const LESSONS = [
  {
    screen: SKY,
    wants: "choose",
    task: gettext("Which answer is right and says what was asked? Press 1, 2 or 3, or click it."),
    after: [
      gettext("Yes: it is right, and it is one sentence."),
      gettext("That is one sentence, but it explains nothing; the first one does."),
      gettext("That sounds good, but it is wrong; the first one is right."),
    ],
  },
  {
    screen: SKY,
    wants: "undo",
    task: gettext("A slip is no harm. Press U to take it back."),
    after: [gettext("Taken back. On the desk you would now choose anew.")],
  },
  {
    screen: CAPITAL,
    wants: "none",
    task: gettext("None of these will do: press N for “none is good”."),
    after: [gettext("Right. That teaches the model, too.")],
  },
  {
    screen: CAPITAL,
    wants: "edit",
    task: gettext("Better still, write it as it should be: press E, change the text, and press Enter."),
    after: [gettext("Your text now counts as better than all three.")],
  },
  {
    screen: NOTE,
    wants: "tie",
    task: gettext("The first two are equally good: press T, then 1 and 2, then Enter."),
    after: [gettext("They share the first place.")],
  },
];
