"""Normalization of rewrites to neat spelling, since the corpora have that of chats and of tokenizers."""

import re

_SPLIT_CONTRACTION = re.compile(r"\b(\w+) (n't|'(?:t|s|re|m|ll|ve|d))\b", re.IGNORECASE)
_SPACED_MARK = re.compile(r"\s+([,.!?;:)])")
_REPEATED_MARK = re.compile(r"([,!?;:])(?:\s*\1)+")
_EDGES = re.compile(r"^[\s,;:.!?–-]+|[\s,;–-]+$")
_WORD = re.compile(r"[\w']+")

_SPELT_OUT = {
    "u": "you", "ur": "your", "dont": "don't", "doesnt": "doesn't", "didnt": "didn't", "cant": "can't", "wont": "won't",
    "isnt": "isn't", "arent": "aren't", "wasnt": "wasn't", "wouldnt": "wouldn't", "couldnt": "couldn't",
    "shouldnt": "shouldn't", "havent": "haven't", "hasnt": "hasn't", "aint": "isn't", "im": "I'm", "ive": "I've",
    "youre": "you're", "youve": "you've", "theyre": "they're", "thats": "that's", "whats": "what's", "hes": "he's",
    "shes": "she's", "theres": "there's", "cuz": "because", "bc": "because", "gonna": "going to", "wanna": "want to",
    "gotta": "have to", "ppl": "people", "plz": "please", "pls": "please", "tho": "though", "dat": "that",
    "dem": "them", "dey": "they", "yall": "you all", "thru": "through", "nite": "night", "i": "I",
}  # fmt: skip
_LEFT_OUT = re.compile(r"\b(?:lo+l|lmf?ao+|rofl|smh|omg|ugh+|xd)\b", re.IGNORECASE)


def tidy(text: str) -> str:
    """Join contractions, expand chat spelling, correct the spacing of marks, and begin with a capital."""
    text = _SPLIT_CONTRACTION.sub(r"\1\2", _LEFT_OUT.sub("", text))
    text = _REPEATED_MARK.sub(r"\1", _SPACED_MARK.sub(r"\1", " ".join(text.split())))
    text = _WORD.sub(_spelt_out, text)
    text = _EDGES.sub("", text)
    return text[:1].upper() + text[1:]


def _spelt_out(word: re.Match[str]) -> str:
    plain = _SPELT_OUT.get(word[0].lower(), word[0])
    return plain[:1].upper() + plain[1:] if word[0][:1].isupper() else plain
