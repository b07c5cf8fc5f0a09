"""The report of an evaluation, field by field, and its table, sign by sign."""

from typing import Any

import numpy as np

from models.serving.generator import Sampling
from models.serving.sampling_code import sampling_identity
from worker.evaluation.measure import Measurement
from worker.evaluation.measuring_code import measuring_identity
from worker.evaluation.report import build, compared, table
from worker.evaluation.scorers import Scorers
from worker.evaluation.testset import TestSet
from worker.measures import intervals
from worker.measures.references import signatures
from worker.measures.statistic import Statistic, mean_of


def measured(name: str, *marks: float) -> Measurement:
    """Three texts with these marks of one figure."""
    return Measurement(name, {"sta": mean_of(list(marks)), "fl": mean_of([0.5, 0.5, 0.5])}, ("a", "b", "c"))


def test_a_report_says_what_was_measured_on_what_by_whom_and_how(tests: TestSet, scorers: Scorers) -> None:
    report = build([measured("ours", 1, 1, 1), measured("theirs", 0, 0, 0)], tests, scorers, Sampling())

    systems = report.pop("systems")
    assert report == {
        "format": 1,
        "test_set": {"name": "three texts", "sha256": tests.sha256, "texts": 3},
        "scorers": {
            "toxicity": {"name": "words", "version": "1"},
            "similarity": {"name": "shared words", "version": "1"},
            "fluency": {"name": "spelling", "version": "1"},
        },
        "sampling": {
            "temperature": 0.9,
            "top_p": 0.95,
            "top_k": 0,
            "seed": 20221107,
            "code": sampling_identity(),
        },
        "measuring": measuring_identity(),
        "signatures": signatures(),
        "intervals": intervals.METHOD,
        "bootstrap": {"resamples": 2000, "seed": 20221107, "level": 0.95},
    }
    assert list(systems) == ["ours", "theirs"]
    assert list(systems["ours"]) == ["sta", "fl"]
    assert {name: found["sta"]["value"] for name, found in systems.items()} == {"ours": 1.0, "theirs": 0.0}
    assert systems["ours"]["fl"]["texts"] == 3


def test_a_comparison_is_of_the_first_with_the_second() -> None:
    ours = Measurement("ours", {"sta": mean_of([1.0] * 20), "fl": mean_of([0.5] * 20)}, ())
    theirs = Measurement("theirs", {"sta": Statistic("mean", np.array([[0.0, 1.0]] * 20))}, ())

    found = compared(ours, theirs)

    assert (found["of"], found["with"], list(found["figures"])) == ("ours", "theirs", ["sta"])
    assert (found["figures"]["sta"]["value"], found["figures"]["sta"]["differs"]) == (1.0, True)
    assert set(found) == {"of", "with", "figures"}


def figure(value: float, low: float, high: float, **more: Any) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "texts": 60, **more}


def test_a_table_has_a_row_a_figure_a_column_a_system_and_says_how_it_was_measured() -> None:
    report: dict[str, Any] = {
        "test_set": {"name": "short texts", "texts": 60},
        "scorers": {"toxicity": {"name": "words", "version": "1"}, "fluency": {"name": "spelling", "version": "2.0"}},
        "intervals": "exact",
        "bootstrap": {"level": 0.9},
        "systems": {
            "version": {"bleu": figure(41.26, 30, 50.04), "j": figure(0.5, 0.25, 0.75)},
            "copy of the text": {"j": figure(0.1236, 0.1, 0.2)},
        },
        "comparisons": [
            {
                "of": "version",
                "with": "parent",
                "figures": {
                    "sim": figure(-0.25, -0.5, -0.125, differs=True),
                    "j": figure(0.25, 0.125, 0.5, differs=True),
                    "bleu": figure(1, -1, 3, differs=False),
                    "copies": figure(0.5, 0.25, 0.75, differs=True),
                },
            }
        ],
    }

    assert table(report).splitlines() == [
        "      version               copy of the text",
        "J     0.500 [0.250, 0.750]  0.124 [0.100, 0.200]",
        "BLEU  41.3 [30.0, 50.0]     –",
        "",
        "version minus parent  difference               what it shows",
        "J                     +0.250 [+0.125, +0.500]  better",
        "Meaning kept (SIM)    -0.250 [-0.500, -0.125]  worse",
        "Copies                +0.500 [+0.250, +0.750]  more",
        "BLEU                  +1.0 [-1.0, +3.0]        no difference shown",
        "",
        "60 texts: short texts. In brackets the 90% interval over texts.",
        "Intervals: exact.",
        "Toxicity: words, 1.",
        "Fluency: spelling, 2.0.",
        "J is neutral times meaning kept, text by text: the one figure that punishes both an insult and a lost meaning"
        "; J with fluency is the same times fluency, as in the ParaDetox paper.",
    ]
    del report["comparisons"], report["systems"]["version"]["j"]
    assert table(report).splitlines()[-3:] == ["Intervals: exact.", "Toxicity: words, 1.", "Fluency: spelling, 2.0."]
