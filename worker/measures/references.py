"""Similarity of a rewrite to references: BLEU and chrF by sacrebleu, ROUGE-L by its definition.

BLEU (Papineni et al. 2002) and chrF (Popović 2015) are corpus metrics and not means over texts: they are kept as each
text's counts, which add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import numpy.typing as npt
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from models.serving.generator import wording
from worker.measures import sari

Array = npt.NDArray[np.float64]

_BLEU = BLEU()
_CHRF = CHRF()


def signatures() -> dict[str, str]:
    """Return the settings of BLEU, chrF and SARI, in sacrebleu's notation."""
    # The number of references, which sacrebleu's signatures contain, is left out: it differs by text.
    return {
        "bleu": f"sacrebleu, case:mixed|tok:13a|smooth:exp|version:{version('sacrebleu')}",
        "sari": f"{sari.SIGNATURE}|version:{version('sacrebleu')}",
        "chrf": f"sacrebleu, case:mixed|nc:6|nw:0|space:no|version:{version('sacrebleu')}",
    }


def bleu_rows(outputs: Sequence[str], references: Sequence[Sequence[str]]) -> Array:
    """Return each text's counts for corpus BLEU, (texts, 10); zeros for a text without a reference."""
    return _rows(_BLEU, outputs, references, 10)


def chrf_rows(outputs: Sequence[str], references: Sequence[Sequence[str]]) -> Array:
    """Return each text's counts for corpus chrF, (texts, 18); zeros for a text without a reference."""
    return _rows(_CHRF, outputs, references, 18)


def bleu_of_sums(sums: Array) -> Array:
    """Compute corpus BLEU, 0 to 100, of each row of summed counts; (n, 10) → (n)."""
    return _scores(_BLEU, sums)


def chrf_of_sums(sums: Array) -> Array:
    """Compute corpus chrF, 0 to 100, of each row of summed counts; (n, 18) → (n)."""
    return _scores(_CHRF, sums)


def sentence_chrf(output: str, reference: str) -> float:
    """Compute chrF of one text, 0 to 100."""
    return float(_CHRF.corpus_score([output], [[reference]]).score)


def rouge_l(output: str, references: Sequence[str]) -> float:
    """Return the F1, 0 to 1, of the longest common subsequence of words with the nearest reference.

    The formula is Lin 2004, equation 4. Words are normalized by `models.serving.generator.wording`.
    """
    words = wording(output).split()
    return max((_f1(words, wording(reference).split()) for reference in references), default=0.0)


def _f1(words: Sequence[str], reference: Sequence[str]) -> float:
    common = _longest_common_subsequence(words, reference)
    return 2 * common / (len(words) + len(reference)) if common else 0.0


def _longest_common_subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    lengths = [0] * (len(right) + 1)
    for word in left:
        diagonal = 0
        for column, other in enumerate(right, start=1):
            above = lengths[column]
            lengths[column] = diagonal + 1 if word == other else max(above, lengths[column - 1])
            diagonal = above
    return lengths[-1]


def _rows(metric: BLEU | CHRF, outputs: Sequence[str], references: Sequence[Sequence[str]], width: int) -> Array:
    rows = np.zeros((len(outputs), width))
    for row, (output, wanted) in enumerate(zip(outputs, references, strict=True)):
        if wanted:
            # Private in sacrebleu, which uses it for its own significance tests.
            rows[row] = metric._extract_corpus_statistics([output], [[reference] for reference in wanted])[0]
    return rows


def _scores(metric: BLEU | CHRF, sums: Array) -> Array:
    # Sums of zero have no score; sacrebleu would divide by them.
    scores = [
        float(metric._compute_score_from_stats([int(value) for value in row]).score) if row.any() else 0.0
        for row in sums
    ]
    return np.array(scores)
