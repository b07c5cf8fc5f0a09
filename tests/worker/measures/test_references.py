"""BLEU and chrF are sacrebleu's own, however they are summed; ROUGE-L is Lin's."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from worker.measures.intervals import estimate
from worker.measures.references import bleu_rows, chrf_rows, rouge_l
from worker.measures.statistic import Statistic

OUTPUTS = ["the movie was not good at all", "i do not agree with him , sir", "this is a plan"]
REFERENCES = [
    ["the movie was not good", "the film was not good at all"],
    ["i do not agree with this man"],
    ["this is not a good plan", "this plan is bad", "this is a plan"],
]


def test_corpus_figures_agree_with_sacrebleu() -> None:
    # None where a text has no further reference; sacrebleu's own types forget that it takes it.
    streams: Any = [[row[k] if k < len(row) else None for row in REFERENCES] for k in range(3)]

    bleu = estimate(Statistic("bleu", bleu_rows(OUTPUTS, REFERENCES))).value
    chrf = estimate(Statistic("chrf", chrf_rows(OUTPUTS, REFERENCES))).value

    assert bleu == pytest.approx(BLEU().corpus_score(OUTPUTS, streams).score)
    assert chrf == pytest.approx(CHRF().corpus_score(OUTPUTS, streams).score)


@pytest.mark.long
def test_corpus_figures_are_those_of_sacrebleu_s_command_line(tmp_path: Path) -> None:
    outputs = [*OUTPUTS, "What a nice day, isn't it?", "€5 for 3.5 kg — that's too much"]
    references = [*REFERENCES, ["what a day, isn't it"], ["5 euros for 3.5 kg is too much", "that's €5 too much"]]
    streams = [[row[k] if k < len(row) else "" for row in references] for k in range(3)]
    files = [tmp_path / name for name in ("outputs", "first", "second", "third")]
    for file, lines in zip(files, [outputs, *streams], strict=True):
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "sacrebleu",
        *map(str, files[1:]),
        "-i",
        str(files[0]),
        "-m",
        "bleu",
        "chrf",
        "-w",
        "6",
    ]

    told = subprocess.run(command, capture_output=True, text=True, check=True)

    theirs = {one["name"].lower(): one["score"] for one in json.loads(told.stdout)}
    ours = {"bleu": bleu_rows(outputs, references), "chrf2": chrf_rows(outputs, references)}
    assert theirs == {name: round(Statistic(name[:4], rows).value, 6) for name, rows in ours.items()}


def test_a_text_without_references_has_no_part_in_them() -> None:
    with_a_stray = estimate(Statistic("chrf", chrf_rows([*OUTPUTS, "x"], [*REFERENCES, []])))

    assert with_a_stray.value == estimate(Statistic("chrf", chrf_rows(OUTPUTS, REFERENCES))).value
    assert with_a_stray.texts == 3


def test_nothing_at_all_scores_zero() -> None:
    assert Statistic("bleu", bleu_rows(["a"], [[]])).of(np.ones((1, 1))).tolist() == [0.0]


def test_rouge_l_is_the_f1_of_the_longest_common_subsequence() -> None:
    # "police kill the gunman" and "police killed the gunman": 3 of 4 words on both sides.
    assert rouge_l("police kill the gunman", ["police killed the gunman"]) == 0.75
    assert rouge_l("the gunman kill police", ["police killed the gunman"]) == 0.5


def test_rouge_l_takes_the_nearest_reference() -> None:
    assert rouge_l("He left.", ["something else", "he LEFT"]) == 1
    assert rouge_l("He left.", ["something else"]) == 0
