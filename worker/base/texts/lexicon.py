"""Toxic words and spans learned from ParaDetox: those that people delete or replace in rewriting.

Aligning each source with its rewrites gives what synthetic toxification needs: words that rewriting usually removes,
spans that were deleted (with the word they followed), and spans that were replaced (with their replacement). There is
no hand-made list of bad words.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from worker.base.texts.corpus import Row, tokens

LONGEST_SPAN = 3
_COMMON_WORDS = 1500

Span = tuple[str, ...]


@dataclass(frozen=True)
class Lexicon:
    """Words, insertable spans and substitutions; lists repeat an entry as often as it was seen."""

    words: frozenset[str]
    insertions: list[Span]
    insertions_after: dict[str, list[Span]]
    substitutions: dict[Span, list[Span]]

    def is_toxic(self, text: str) -> bool:
        """Return True if a text has a word that rewriting usually removes."""
        return any(word.lower() in self.words for word in tokens(text))


def removed_words(rows: Sequence[Row], neutral: Iterable[str]) -> frozenset[str]:
    """Return the words that most rewrites drop and that are not everyday vocabulary."""
    present: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    for row in rows:
        source = {word.lower() for word in tokens(row.toxic)}
        for rewrite in row.rewrites:
            present.update(source)
            removed.update(source - {word.lower() for word in tokens(rewrite)})
    everyday: Counter[str] = Counter()
    for line in neutral:
        everyday.update(word.lower() for word in tokens(line))
    common = {word for word, _ in everyday.most_common(_COMMON_WORDS)}
    return frozenset(
        word
        for word, count in removed.items()
        if count >= 4
        and count >= 0.7 * present[word]
        and word not in common
        and len(word) > 1
        and any(map(str.isalpha, word))
    )


def _is_plain(span: Span, toxic: frozenset[str]) -> bool:
    """Return True if a span is one or two ordinary words, for which toxic spans may be substituted."""
    return len(span) < LONGEST_SPAN and all(map(str.isalpha, span)) and toxic.isdisjoint(span)


def learn_lexicon(rows: Sequence[Row], neutral: Iterable[str]) -> Lexicon:
    """Align every source with its rewrites and collect the deleted and replaced spans."""
    words = removed_words(rows, neutral)
    insertions: list[Span] = []
    after: dict[str, list[Span]] = defaultdict(list)
    substitutions: dict[Span, list[Span]] = defaultdict(list)
    for row in rows:
        source = tokens(row.toxic)
        lowered = [word.lower() for word in source]
        for rewrite in row.rewrites:
            target = [word.lower() for word in tokens(rewrite)]
            for kind, i, j, k, m in SequenceMatcher(None, lowered, target, autojunk=False).get_opcodes():
                toxic, plain = tuple(source[i:j]), tuple(target[k:m])
                if len(toxic) > LONGEST_SPAN or words.isdisjoint(lowered[i:j]):
                    continue
                if kind == "delete":
                    insertions.append(toxic)
                    after[lowered[i - 1] if i else ""].append(toxic)
                elif kind == "replace" and _is_plain(plain, words):
                    substitutions[plain].append(toxic)
    return Lexicon(words, insertions, dict(after), dict(substitutions))
