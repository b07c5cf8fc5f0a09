// What the desk says of rewrites, said of answers.

import { gettext, reword } from "../../shared/words.js";

reword({
  "Drawing the next screen…": gettext("The next answers are being written…"),
  "Three rewrites are being drawn…": gettext("Three answers are being written…"),
  "Two rewrites are being drawn…": gettext("Two answers are being written…"),
  "The server is slow, or draws for others first.": gettext("Long answers take a while."),
  "Each of its %(number)s sentences is rewritten by itself, which takes its time.": gettext("Long answers take a while."),
  "Stopped: nothing was drawn.": gettext("Stopped: no answers were kept."),
  "The model found no two different rewrites for this text; this is what there is.":
    gettext("The model found no two different answers; this is what there is."),
  "The model found no three different rewrites for this text; this is what there is.":
    gettext("The model found no three different answers; this is what there is."),
  "The model found no rewrite for this text.": gettext("The model found no answer."),
  "Your own rewrite": gettext("Your own answer"),
  "Rewrite %(number)s, as it should be": gettext("Answer %(number)s, as it should be"),
  "Edit rewrite %(number)s": gettext("Edit answer %(number)s"),
  "Edit the draft of rewrite %(number)s": gettext("Edit the draft of answer %(number)s"),
  "This is the text as it is: leave with Esc and press A for Already fine.":
    gettext("This is the message itself: write an answer to it."),
  "This is rewrite %(number)s as it stands: change it, or leave with Esc and press %(number)s.":
    gettext("This is answer %(number)s as it stands: change it, or leave with Esc and press %(number)s."),
  "About rewrite %(number)s.": gettext("About answer %(number)s."),
  "Rewrite %(number)s: %(rating)s of 5.": gettext("Answer %(number)s: %(rating)s of 5."),
  "Rewrite %(number)s: no rating.": gettext("Answer %(number)s: no rating."),
  "Rewrite %(number)s: %(tag)s.": gettext("Answer %(number)s: %(tag)s."),
  "Rewrite %(number)s: not %(tag)s.": gettext("Answer %(number)s: not %(tag)s."),
});
