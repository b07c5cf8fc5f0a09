"""Short direct insults with polite rewrites.

ParaDetox is made of comments, so it has few of the one-line insults that people type first when they try a rewriter.
These patterns supply them, with several rewrites of each, so that the model also learns that there is more than one way
to be polite.
"""

import random

from worker.base.texts.held_out import unmeasured

_SUBJECTS = [
    ("you", "are"), ("he", "is"), ("she", "is"), ("they", "are"), ("your friend", "is"), ("this guy", "is"),
    ("my boss", "is"), ("that man", "is"), ("my neighbour", "is"), ("your team", "is"), ("we", "are"),
    ("these people", "are"), ("your brother", "is"), ("our manager", "is"), ("the customer", "is"),
]  # fmt: skip
_THINGS = [
    "your idea", "this movie", "that song", "this app", "your work", "the plan", "this food", "your code",
    "the service", "that joke", "this game", "the weather", "this article", "your answer", "the report",
]  # fmt: skip

_DULL = ["not smart", "not very smart", "not very clever", "not thinking clearly", "mistaken", "wrong"]
_UNKIND = ["not kind", "rude", "not very nice", "unpleasant", "being unfair", "a difficult person"]
_POOR = ["not good", "bad", "not very good", "of low quality", "not what I hoped for", "disappointing"]
_ODD = ["being unreasonable", "not reasonable", "acting strangely", "confused"]

_ABOUT_PEOPLE: list[tuple[list[str], list[str]]] = [
    (["dumb", "stupid", "so dumb", "so stupid", "really stupid", "fucking stupid", "as dumb as a rock",
      "brainless", "braindead", "dense", "thick", "a dumbass", "an idiot", "a moron", "an imbecile", "a fool",
      "such an idiot", "a complete idiot", "a fucking idiot", "a total moron", "a stupid fool"], _DULL),
    (["an asshole", "a jerk", "a bitch", "a dick", "a bastard", "a piece of shit", "a scumbag", "a prick",
      "such a jerk", "a total asshole", "a fucking asshole", "a nasty piece of work", "scum", "trash",
      "garbage", "a rat", "a pig", "disgusting", "vile"], _UNKIND),
    (["crazy", "insane", "nuts", "a lunatic", "a maniac", "a psycho", "retarded", "fucking crazy",
      "out of your damn mind", "a clown", "a nutcase"], _ODD),
    (["a loser", "pathetic", "useless", "worthless", "fucking useless", "a waste of space", "incompetent",
      "good for nothing"], ["not helpful", "not very helpful", "not doing well", "not good at this",
                            "having a hard time"]),
    (["a liar", "a lying bastard", "full of shit", "a fraud", "a damn liar", "a dirty liar"],
     ["not honest", "not telling the truth", "not being honest", "wrong about this"]),
    (["ugly", "ugly as hell", "fat and ugly", "a fat pig"], ["not good looking", "not attractive"]),
    (["lazy as fuck", "a lazy ass", "a lazy bum", "so fucking lazy"],
     ["not working very hard", "a bit lazy", "not very active"]),
]  # fmt: skip
_ABOUT_THINGS = [
    "shit", "crap", "garbage", "trash", "bullshit", "fucking awful", "rubbish", "shitty", "a piece of shit",
    "a load of crap", "dumb", "stupid", "a pile of garbage", "so fucking bad", "total bullshit", "crappy",
]  # fmt: skip

_WHOLE: list[tuple[list[str], list[str]]] = [
    (["fuck you", "screw you", "fuck you all", "damn you", "fuck you, asshole"],
     ["I am upset with you", "I do not agree with you", "I am angry with you", "I do not like this"]),
    (["fuck off", "piss off", "get lost", "get the fuck out", "get the hell out of here", "bugger off"],
     ["please go away", "please leave", "please leave me alone", "I would like you to leave"]),
    (["go to hell", "rot in hell", "drop dead"],
     ["please leave me alone", "I do not want to talk to you", "please go away"]),
    (["shut up", "shut the fuck up", "shut your mouth", "stfu", "shut the hell up", "shut up, you idiot"],
     ["please be quiet", "please stop talking", "could you be quiet", "I would like some quiet"]),
    (["you suck", "you fucking suck", "you suck at this", "you really suck"],
     ["you are not good at this", "you could do better", "I do not like what you do"]),
    (["you idiot", "you moron", "you dumbass", "you stupid fool", "you fucking idiot", "idiot", "moron"],
     ["you are not very smart", "that was not a good idea", "you made a mistake", "I do not agree with you"]),
    (["you bastard", "you bitch", "you piece of shit", "you asshole", "asshole", "bitch",
      "you son of a bitch"],
     ["you are not kind", "you are not a nice person", "I am upset with you"]),
    (["i hate you", "i fucking hate you", "i hate your guts"],
     ["I do not like you", "I am upset with you", "I am not fond of you"]),
    (["what the fuck", "what the hell", "wtf", "what the fuck is going on", "what the hell is going on"],
     ["what is going on", "what is happening", "I do not understand this"]),
    (["what the fuck is this", "what the hell is this crap", "what is this shit", "what is this bullshit"],
     ["what is this", "I do not understand what this is", "I do not like this"]),
    (["what the fuck is wrong with you", "what the hell is your problem", "are you fucking stupid",
      "are you stupid", "are you out of your mind"],
     ["what is the matter", "what is wrong", "are you all right", "I do not understand you"]),
    (["who the fuck are you", "who the hell are you"], ["who are you", "I do not know who you are"]),
    (["i don't give a fuck", "i don't give a shit", "who gives a shit", "nobody gives a damn"],
     ["I do not care", "it is not important to me", "this does not matter to me"]),
    (["holy shit", "oh shit", "damn it", "oh fuck", "holy crap", "goddamn it"], ["oh no", "wow", "oh dear"]),
    (["this is bullshit", "that's bullshit", "what a load of crap", "that's a load of shit"],
     ["this is not true", "I do not believe this", "this makes no sense"]),
    (["what an idiot", "what a moron", "what a fool", "what a dumbass"],
     ["that was not smart", "this person is not very clever", "that person made a mistake"]),
    (["what an asshole", "what a jerk", "what a bitch", "what a dick"],
     ["that person is not nice", "that was not kind", "what an unpleasant person"]),
    (["kiss my ass", "go fuck yourself", "suck my dick", "eat shit"],
     ["I do not agree with you", "please leave me alone", "I do not care what you think"]),
    (["you make me sick", "you are disgusting", "you disgust me"],
     ["I do not like how you behave", "your behaviour upsets me", "I am upset with you"]),
    (["nobody likes you", "nobody wants you here, loser", "nobody asked you, idiot"],
     ["we would like some time alone", "please let others speak", "I did not ask for your opinion"]),
    (["mind your own damn business", "none of your fucking business", "keep your nose out of my shit"],
     ["this does not concern you", "please let me handle this", "I would like to keep this private"]),
    (["hurry the fuck up", "move your ass", "get off your lazy ass"],
     ["please hurry", "please be quicker", "please start now"]),
    (["leave me the fuck alone", "get out of my fucking face"],
     ["please leave me alone", "please give me some space"]),
]  # fmt: skip

_TAILS = ["", "", "", " again", " today", " sometimes", " and everyone knows it"]
_ENDS = ["", "", " .", ".", "!", " !"]


def short_insult(rng: random.Random) -> tuple[str, str]:
    """Draw an insult of a few words and one of its polite rewrites, none of which a version is tested on."""
    return unmeasured(_short_insult, rng)


def _short_insult(rng: random.Random) -> tuple[str, str]:
    kind = rng.random()
    if kind < 0.45:
        (subject, verb), (insults, answers) = rng.choice(_SUBJECTS), rng.choice(_ABOUT_PEOPLE)
        tail = rng.choice(_TAILS)
        toxic = f"{subject} {verb} {rng.choice(insults)}{tail}"
        polite = f"{subject} {verb} {rng.choice(answers)}{tail}"
    elif kind < 0.6:
        thing, tail = rng.choice(_THINGS), rng.choice(_TAILS)
        toxic, polite = (f"{thing} is {rng.choice(words)}{tail}" for words in (_ABOUT_THINGS, _POOR))
    else:
        insults, answers = rng.choice(_WHOLE)
        toxic, polite = rng.choice(insults), rng.choice(answers)
    if rng.random() < 0.6:
        toxic = toxic[0].upper() + toxic[1:]
    question = polite.split()[0] in {"what", "who", "are", "could"} and not polite.startswith("what an")
    return toxic + rng.choice(_ENDS), polite[0].upper() + polite[1:] + ("?" if question else ".")
