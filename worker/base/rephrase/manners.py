"""The manner of a rewrite, by features that anyone can count, and rules that write another manner where that is safe.

A rewrite may have several manners, or none:

- brief: at most six tenths of the words of its source, and at least two;
- gentle: a word or phrase that softens, which its source does not have;
- formal: a whole sentence, of words of four letters or more on average, without contractions, slang or "!";
- without-you: no word that speaks to anybody, where the source has one;
- lively: ends with "!", or begins with an exclamation;
- question: ends with "?", where the source does not;
- explanation: says that something is felt, meant or wished, which the source does not.

What a rule makes counts only if it has these features, too.
"""

import re
from collections.abc import Callable, Mapping

from worker.base.texts.corpus import tokens
from worker.base.texts.tidy import tidy

_SHARE_OF_BRIEF = 0.6
_FORMAL_LETTERS = 4.0
_SOFTENING = re.compile(
    r"\b(?:please|perhaps|maybe|possibly|could|might|i think|it seems|seems?|i am afraid|a bit|a little|rather|"
    r"not very|not quite|if you can|if possible|i would)\b",
    re.IGNORECASE,
)
_LOOSE = re.compile(
    r"\b\w+(?:n't|'(?:s|re|m|ll|ve|d))|\b(?:gonna|wanna|gotta|kinda|yeah|ok|okay|guys?|stuff|lol)\b", re.I
)
_TO_SOMEBODY = re.compile(r"\b(?:you|your|yours|yourself|yourselves|u|ur|you\w*|ya|y'all)\b", re.IGNORECASE)
_EXCLAIMING = re.compile(r"(?:oh|wow|come on|hey|well),", re.IGNORECASE)
_EXPLAINING = re.compile(
    r"\b(?:i mean|what i mean|i feel|i want|i wish|i would like|i find|because|it (?:upsets|bothers) me|"
    r"i do not (?:like|agree|understand|believe)|i am (?:upset|angry|not happy))\b",
    re.IGNORECASE,
)
_EXPANDED = {
    "can't": "cannot", "won't": "will not", "shan't": "shall not", "let's": "let us", "i'm": "I am", "it's": "it is",
    "that's": "that is", "there's": "there is", "what's": "what is",
}  # fmt: skip
_ENDINGS = (("n't", " not"), ("'re", " are"), ("'ll", " will"), ("'ve", " have"))
_CONTRACTED = re.compile(r"\b[A-Za-z]+(?:n't|'(?:re|ll|ve|m|s))\b")
_INVERTED = re.compile(
    r"(you|he|she|it|we|they|this|that) (is|are|was|were|can|could|will|would|should|has|have|had) ([^,;?!]+)\.?",
    re.IGNORECASE,
)
_SAID = re.compile(r"(?:I|you|he|she|it|we|they|this|that|these|those|the|your|my|his|her) [^?!]+\.?", re.IGNORECASE)
_ASKED = re.compile(r"please (?!do not\b|don't\b)([a-z][^?!]+?)\.?", re.IGNORECASE)
_OPINION = {
    "wrong", "mistaken", "incorrect", "not true", "not right", "not fair", "unfair", "not helpful", "not kind", "rude",
    "not nice", "unreasonable", "not reasonable", "confused", "not very nice", "not very helpful", "not a good idea",
}  # fmt: skip
# "Are you not very smart?" is an insult, and a sentence within a sentence is not turned round as a whole.
_UNASKABLE = re.compile(r"\b(?:not|never|no|because|that|if|when|but|and)\b", re.IGNORECASE)
_FIRST_PERSON = re.compile(r"I\b")


def manners_of(source: str, rewrite: str) -> frozenset[str]:
    """Return the names of the manners that a rewrite of a source has."""
    texts = _plain(source), _plain(rewrite)
    return frozenset(name for name, has in _FEATURES.items() if has(*texts))


def rewritten(manner: str, source: str, rewrite: str) -> str | None:
    """Return a rewrite in another manner, None if no rule can write it safely."""
    made = _RULES[manner](tidy(_plain(rewrite))) if manner in _RULES else None
    return made if made and manner in manners_of(source, made) else None


def _plain(text: str) -> str:
    return text.replace("’", "'")


def _number(text: str) -> int:
    return sum(any(map(str.isalnum, word)) for word in tokens(text))


def _is_brief(source: str, rewrite: str) -> bool:
    return 2 <= _number(rewrite) <= _SHARE_OF_BRIEF * _number(source)


def _is_gentle(source: str, rewrite: str) -> bool:
    present = {found.lower() for found in _SOFTENING.findall(source)}
    return any(found.lower() not in present for found in _SOFTENING.findall(rewrite))


def _is_formal(source: str, rewrite: str) -> bool:
    letters = [sum(map(str.isalpha, word)) for word in tokens(rewrite) if word[0].isalpha()]
    return (
        len(letters) > 2
        and sum(letters) >= _FORMAL_LETTERS * len(letters)
        and rewrite[:1].isupper()
        and rewrite.endswith((".", "?"))
        and not _LOOSE.search(rewrite)
    )


def _speaks_to_nobody(source: str, rewrite: str) -> bool:
    return bool(_TO_SOMEBODY.search(source)) and not _TO_SOMEBODY.search(rewrite)


def _is_lively(source: str, rewrite: str) -> bool:
    return rewrite.endswith("!") or bool(_EXCLAIMING.match(rewrite))


def _asks(source: str, rewrite: str) -> bool:
    return rewrite.rstrip().endswith("?") and "?" not in source


def _explains(source: str, rewrite: str) -> bool:
    return bool(_EXPLAINING.search(rewrite)) and not _EXPLAINING.search(source)


def _inner(sentence: str) -> str:
    """Return a sentence as it stands within another one."""
    return sentence if _FIRST_PERSON.match(sentence) else sentence[:1].lower() + sentence[1:]


def _spelt_out(text: str) -> str | None:
    """Write contractions in full; an s that may be "is", "has" or a genitive is left, and features then refuse it."""

    def full(found: re.Match[str]) -> str:
        word = found[0]
        known = _EXPANDED.get(word.lower())
        for ending, long in _ENDINGS:
            if known is None and word.lower().endswith(ending):
                known = word[: -len(ending)] + long
        return word if known is None else known[:1].upper() + known[1:] if word[:1].isupper() else known

    return _CONTRACTED.sub(full, text).rstrip(" .!") + "."


def _softened(text: str) -> str | None:
    body = text.rstrip(" .!")
    if _ASKED.fullmatch(text):
        return f"{body}, if possible."
    if _SAID.fullmatch(text) and not _FIRST_PERSON.match(text):
        return f"I think {_inner(body)}."
    return None


def _about_the_matter(text: str) -> str | None:
    found = re.fullmatch(r"You are ([^,.;]+)\.?", text)
    if found and found[1].lower() in _OPINION:
        return f"That is {found[1]}."
    found = re.fullmatch(r"Your (\w+ (?:is|was|does|has) .+)", text)
    return f"The {found[1]}" if found else None


def _exclaimed(text: str) -> str | None:
    if "?" in text or '"' in text:
        return None
    body = text.rstrip(" .!")
    return f"Come on, {_inner(body)}!" if _ASKED.fullmatch(text) else f"{body}!"


def _asked(text: str) -> str | None:
    wish = _ASKED.fullmatch(text)
    if wish:
        return f"Could you {wish[1]}?"
    said = _INVERTED.fullmatch(text)
    if said is None or _UNASKABLE.search(text):
        return None
    return f"{said[2].capitalize()} {said[1].lower()} {said[3].rstrip(' .')}?"


def _explained(text: str) -> str | None:
    wish = _ASKED.fullmatch(text)
    if wish:
        return f"I would like you to {wish[1]}."
    return f"What I mean is that {_inner(text.rstrip(' .!'))}." if _SAID.fullmatch(text) else None


_FEATURES: Mapping[str, Callable[[str, str], bool]] = {
    "brief": _is_brief,
    "gentle": _is_gentle,
    "formal": _is_formal,
    "without-you": _speaks_to_nobody,
    "lively": _is_lively,
    "question": _asks,
    "explanation": _explains,
}
_RULES: Mapping[str, Callable[[str], str | None]] = {
    "gentle": _softened,
    "formal": _spelt_out,
    "without-you": _about_the_matter,
    "lively": _exclaimed,
    "question": _asked,
    "explanation": _explained,
}
