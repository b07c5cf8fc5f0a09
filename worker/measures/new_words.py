"""Words of content that a rewrite has and its source has not: whether it says something anew or deletes and softens.

Words of grammar (articles, pronouns, auxiliaries, prepositions, conjunctions, negations, degrees) do not count, nor do
other spellings and forms of a word of the source: two words are of one form if they are alike in their first letters,
all but three of the longer one, and at least three.
"""

from __future__ import annotations

from models.serving.neutrality import words

_OF_GRAMMAR = frozenset({
    "a", "an", "the", "this", "that", "these", "those", "some", "any", "no", "each", "every", "all", "both", "such",
    "i", "me", "my", "mine", "myself", "you", "your", "yours", "yourself", "he", "him", "his", "himself", "she", "her",
    "hers", "herself", "it", "its", "itself", "we", "us", "our", "ours", "they", "them", "their", "theirs", "one",
    "someone", "somebody", "anyone", "anybody", "everyone", "everybody", "nobody", "something", "anything", "nothing",
    "who", "whom", "whose", "which", "what", "when", "where", "why", "how", "there", "here", "then", "now",
    "am", "is", "are", "was", "were", "be", "been", "being", "do", "does", "did", "done", "doing", "have", "has", "had",
    "having", "can", "could", "will", "would", "shall", "should", "may", "might", "must", "let", "get", "got",
    "not", "never", "cannot", "very", "so", "too", "really", "just", "quite", "rather", "only", "even", "more", "most",
    "less", "least", "much", "many", "few", "little", "also", "as", "than", "like", "of", "in", "on", "at", "to", "for",
    "from", "with", "without", "by", "about", "into", "over", "under", "out", "off", "up", "down", "through", "between",
    "after", "before", "and", "or", "but", "nor", "if", "because", "while", "though", "although", "until", "yes", "oh",
    "isn't", "aren't", "wasn't", "weren't", "don't", "doesn't", "didn't", "haven't", "hasn't", "hadn't", "can't",
    "couldn't", "won't", "wouldn't", "shouldn't", "i'm", "you're", "he's", "she's", "it's", "we're", "they're",
    "that's", "there's", "what's", "i've", "you've", "i'll", "you'll", "i'd", "you'd", "let's",
})  # fmt: skip
_FEWEST_LETTERS = 3
_ENDING = 3


def new_words(source: str, rewrite: str) -> list[str]:
    """Return the words of content of a rewrite, each once, that are no form of a word of its source."""
    present = [_letters(word) for word in words(source)]
    return [
        word
        for word in dict.fromkeys(words(rewrite))
        if word not in _OF_GRAMMAR
        and sum(map(str.isalpha, word)) >= _FEWEST_LETTERS
        and not any(_are_forms(_letters(word), known) for known in present)
    ]


def is_deletion(source: str, rewrite: str) -> bool:
    """Return whether all words of a rewrite stand in its source in the same order."""
    left = iter(words(source))
    return all(word in left for word in words(rewrite))


def _letters(word: str) -> str:
    return "".join(filter(str.isalpha, word))


def _are_forms(one: str, other: str) -> bool:
    """Return whether two words may be forms of one word."""
    alike = max(_FEWEST_LETTERS, max(len(one), len(other)) - _ENDING)
    return one == other or (min(len(one), len(other)) >= alike and one[:alike] == other[:alike])
