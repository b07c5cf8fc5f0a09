"""Mistakes of grammar and spelling, made by rule in correct lines: what correcting them is learned from.

Every rule goes both ways: an article is lost or added, a verb loses or gets its s, a word is missing or doubled. No
corpus of learners' errors is free to use, so these are guesses at what people and small models get wrong.
"""

import random
import re
from collections.abc import Callable

Words = list[str]
Rule = Callable[[Words, random.Random], bool]

_ARTICLES = ("a", "an", "the")
_PREPOSITIONS = ("in", "on", "at", "to", "for", "of", "with", "by", "from", "about", "into")
_SMALL = frozenset({
    *_ARTICLES, *_PREPOSITIONS, "is", "are", "was", "were", "be", "been", "am", "it", "that", "not", "and", "do",
    "does", "have", "has", "will", "would", "i", "you", "he", "she", "we", "they",
})  # fmt: skip
_EITHER = (
    ("is", "are"), ("was", "were"), ("has", "have"), ("does", "do"), ("doesn't", "don't"), ("isn't", "aren't"),
    ("wasn't", "weren't"), ("hasn't", "haven't"), ("this", "these"), ("that", "those"), ("am", "is"),
)  # fmt: skip
_ALIKE = (
    ("its", "it's"), ("your", "you're"), ("their", "they're"), ("their", "there"), ("to", "too"), ("then", "than"),
    ("of", "off"), ("lose", "loose"), ("whose", "who's"), ("affect", "effect"), ("were", "where"), ("quite", "quiet"),
)  # fmt: skip
_PAST = (
    ("go", "went"), ("say", "said"), ("get", "got"), ("make", "made"), ("know", "knew"), ("think", "thought"),
    ("take", "took"), ("see", "saw"), ("come", "came"), ("find", "found"), ("give", "gave"), ("tell", "told"),
    ("feel", "felt"), ("leave", "left"), ("keep", "kept"), ("write", "wrote"), ("mean", "meant"), ("buy", "bought"),
    ("speak", "spoke"), ("eat", "ate"), ("lose", "lost"), ("try", "tried"), ("want", "wanted"), ("like", "liked"),
    ("need", "needed"), ("use", "used"), ("work", "worked"), ("ask", "asked"), ("call", "called"), ("help", "helped"),
)  # fmt: skip
_PERSONS = frozenset({"i", "you", "we", "they"})
_OTHERS = frozenset({"he", "she", "it", "who", "everyone", "nobody"})
_AUXILIARIES = frozenset({
    "am", "is", "are", "was", "were", "be", "been", "do", "does", "did", "have", "has", "had", "can", "could", "will",
    "would", "shall", "should", "may", "might", "must", "not", "never", "also", "just", "all", "both",
})  # fmt: skip
_DETERMINERS = frozenset({*_ARTICLES, "my", "your", "his", "her", "our", "their", "these", "many", "some"})
_MOST = 3


def _partners(pairs: tuple[tuple[str, str], ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one, other in pairs:
        found.setdefault(one, []).append(other)
        found.setdefault(other, []).append(one)
    return found


_AGREEING, _SOUNDING_ALIKE, _OF_ANOTHER_TIME = map(_partners, (_EITHER, _ALIKE, _PAST))


def with_mistakes(text: str, rng: random.Random) -> str:
    """Return a text with one to three mistakes, or as it is if no rule finds a place for any."""
    words = text.split(" ")
    wanted = min(rng.randint(1, _MOST), 1 + len(words) // 5)
    for _ in range(4 * wanted):
        if wanted and rng.choices(_RULES, _SHARES)[0](words, rng):
            wanted -= 1
    return " ".join(filter(None, words))


def _replaced(words: Words, rng: random.Random, others: dict[str, list[str]]) -> bool:
    """Replace one of the words that have a partner by one of its partners, with a capital if it had one."""
    places = [place for place, word in enumerate(words) if word.lower() in others]
    if not places:
        return False
    place = rng.choice(places)
    words[place] = _cased(rng.choice(others[words[place].lower()]), words[place])
    return True


def _cased(word: str, like: str) -> str:
    return word[:1].upper() + word[1:] if like[:1].isupper() else word


def _article(words: Words, rng: random.Random) -> bool:
    """Lose an article, change it, or add one."""
    places = [place for place, word in enumerate(words) if word.lower() in _ARTICLES and place + 1 < len(words)]
    if not places or rng.random() < 0.25:
        place = rng.randrange(len(words))
        if not words[place].isalpha() or words[place].lower() in _SMALL:
            return False
        words.insert(place, rng.choice(_ARTICLES[::2]))
        return True
    place = rng.choice(places)
    if rng.random() < 0.5:
        words[place + 1] = _cased(words[place + 1], words[place])
        del words[place]
        return True
    others = [article for article in _ARTICLES if article != words[place].lower()]
    words[place] = _cased(rng.choice(others), words[place])
    return True


def _agreement(words: Words, rng: random.Random) -> bool:
    """Take a verb's form of another number, or the s of one that follows a pronoun."""
    places = [
        place
        for place in range(1, len(words))
        if words[place].isalpha()
        and words[place].islower()
        and words[place] not in _AUXILIARIES
        and words[place - 1].lower() in _PERSONS | _OTHERS
    ]
    if not places or rng.random() < 0.6:
        return _replaced(words, rng, _AGREEING)
    place = rng.choice(places)
    if words[place - 1].lower() in _PERSONS:
        words[place] += "es" if words[place].endswith(("s", "sh", "ch", "x", "o")) else "s"
        return True
    if words[place].endswith("s") and not words[place].endswith("ss"):
        words[place] = words[place][:-1]
        return True
    return False


def _tense(words: Words, rng: random.Random) -> bool:
    """Take a verb's form of another time, or the ending of a participle."""
    if rng.random() < 0.6 and _replaced(words, rng, _OF_ANOTHER_TIME):
        return True
    places = [place for place, word in enumerate(words) if re.fullmatch(r"[a-z]{3,}(?:ed|ing)", word)]
    if not places:
        return False
    place = rng.choice(places)
    words[place] = re.sub("(?:ed|ing)$", rng.choice(["", "", "s"]), words[place])
    return True


def _preposition(words: Words, rng: random.Random) -> bool:
    """Change a preposition, or lose it."""
    places = [place for place, word in enumerate(words) if word in _PREPOSITIONS]
    if not places:
        return False
    place = rng.choice(places)
    if rng.random() < 0.25:
        del words[place]
    else:
        words[place] = rng.choice([other for other in _PREPOSITIONS if other != words[place]])
    return True


def _order(words: Words, rng: random.Random) -> bool:
    """Let two neighbouring words change places."""
    places = [place for place in range(1, len(words) - 1) if words[place].isalpha() and words[place + 1].isalpha()]
    if not places:
        return False
    place = rng.choice(places)
    words[place], words[place + 1] = words[place + 1], words[place]
    return True


def _number(words: Words, rng: random.Random) -> bool:
    """Take the s of a plural, or add one to a word that follows an article."""
    places = [
        place
        for place in range(1, len(words))
        if re.fullmatch("[a-z]{4,}", words[place]) and words[place - 1].lower() in _DETERMINERS
    ]
    if not places:
        return False
    place = rng.choice(places)
    has = words[place].endswith("s") and not words[place].endswith("ss")
    words[place] = words[place][:-1] if has else words[place] + "s"
    return True


def _typo(words: Words, rng: random.Random) -> bool:
    """Misspell one word: two letters in the other order, one lost, one doubled, or an apostrophe lost."""
    places = [place for place, word in enumerate(words) if len(word) > 3 and word.replace("'", "").isalpha()]
    if not places:
        return False
    place = rng.choice(places)
    word = words[place]
    inner = rng.randrange(1, len(word) - 1)
    if "'" in word:
        words[place] = word.replace("'", "")
    else:
        words[place] = rng.choice([
            word[:inner] + word[inner + 1] + word[inner] + word[inner + 2 :],
            word[:inner] + word[inner + 1 :],
            word[:inner] + word[inner] + word[inner:],
        ])  # fmt: skip
    return words[place] != word


def _doubled(words: Words, rng: random.Random) -> bool:
    """Say a word twice."""
    place = rng.randrange(len(words))
    if not words[place].isalpha():
        return False
    words.insert(place, words[place])
    words[place + 1] = words[place + 1].lower()
    return True


def _missing(words: Words, rng: random.Random) -> bool:
    """Lose one of the small words."""
    places = [place for place, word in enumerate(words) if word.lower() in _SMALL]
    if not places or len(words) < 4:
        return False
    del words[rng.choice(places)]
    return True


def _marks(words: Words, rng: random.Random) -> bool:
    """Lose the capital at the beginning, the mark at the end, or a comma."""
    before = " ".join(words)
    after = rng.choice([before[:1].lower() + before[1:], before.rstrip(".!?"), before.replace(",", "", 1)])
    words[:] = after.split(" ")
    return after != before


_WEIGHED: tuple[tuple[float, Rule], ...] = (
    (2.0, _article),
    (2.0, _agreement),
    (1.5, _tense),
    (1.5, _preposition),
    (1.0, _order),
    (1.0, _number),
    (1.0, _typo),
    (0.7, lambda words, rng: _replaced(words, rng, _SOUNDING_ALIKE)),
    (0.7, _doubled),
    (1.3, _missing),
    (0.7, _marks),
)
_SHARES = [share for share, _ in _WEIGHED]
_RULES = [rule for _, rule in _WEIGHED]
