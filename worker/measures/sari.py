"""SARI: how well a rewrite adds, keeps and deletes words, against its source and references (Xu et al. 2016).

A rewrite should add n-grams that a reference has and the source has not, keep what references keep, and delete what
they delete. For n = 1 … 4, with n-grams counted in the source once for each reference:

    add      F1 of the distinct n-grams that are new, against those new in any reference
    keep     F1 of the n-grams kept; precision is the mean over distinct n-grams, recall is over their counts
    delete   precision of the n-grams deleted, the mean over distinct n-grams

SARI is the mean of the three, each averaged over n. It is computed as by the metric `sari` of Hugging Face's
`evaluate`: where there is nothing to add, keep or delete, that counts as done right; texts are in small letters and
tokenized by sacrebleu's 13a; and the figure of a test set is the mean over its texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

SIGNATURE = "case:lower|tok:13a|n:4|nothing:1"

_LONGEST = 4
_tokenize: Callable[[str], str] = Tokenizer13a()  # type: ignore[no-untyped-call]

_Ngram = tuple[str, ...]
_Counts = Counter[_Ngram]


def sari(source: str, output: str, references: Sequence[str]) -> float:
    """Return SARI of one text, 0 to 100; there must be a reference."""
    return 100 * sum(sari_parts(source, output, references).values()) / 3


def sari_parts(source: str, output: str, references: Sequence[str]) -> Mapping[str, float]:
    """Return the scores of `add`, `keep` and `delete`, each 0 to 1."""
    words, written, *wanted = map(_words, (source, output, *references))
    found = dict.fromkeys(("add", "keep", "delete"), 0.0)
    for n in range(1, _LONGEST + 1):
        had, has = (_repeated(_ngrams(text, n), len(wanted)) for text in (words, written))
        references_have = Counter[_Ngram]()
        for text in wanted:
            references_have.update(_ngrams(text, n))
        found["add"] += _added(had, has, references_have) / _LONGEST
        found["keep"] += _kept(had, has, references_have) / _LONGEST
        found["delete"] += _deleted(had, has, references_have) / _LONGEST
    return found


def _added(had: _Counts, has: _Counts, wanted: _Counts) -> float:
    new, right = has.keys() - had.keys(), wanted.keys() - had.keys()
    both = len(new & right)
    return _f1(_ratio(both, len(new)), _ratio(both, len(right)))


def _kept(had: _Counts, has: _Counts, wanted: _Counts) -> float:
    kept, right = had & has, had & wanted
    both = kept & right
    return _f1(_mean_share(both, kept), _ratio(both.total(), right.total()))


def _deleted(had: _Counts, has: _Counts, wanted: _Counts) -> float:
    gone = had - has
    return _mean_share(gone - wanted, gone)


def _mean_share(part: _Counts, whole: _Counts) -> float:
    """Return the mean, over the n-grams of `whole`, of the share of each that is in `part`."""
    return _ratio(sum(part[ngram] / count for ngram, count in whole.items()), len(whole))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 1.0


def _f1(precision: float, recall: float) -> float:
    both = precision + recall
    return 2 * precision * recall / both if both else 0.0


def _words(text: str) -> list[str]:
    return _tokenize(text.lower()).split()


def _ngrams(words: Sequence[str], n: int) -> _Counts:
    return Counter(tuple(words[start : start + n]) for start in range(len(words) - n + 1))


def _repeated(counts: _Counts, times: int) -> _Counts:
    return Counter({ngram: count * times for ngram, count in counts.items()})
