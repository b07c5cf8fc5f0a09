"""Retrain's promise, on the embedded checkpoint and real sentences: twenty clicks matter and break nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.config import EMBEDDED_BASE_MODEL, PROJECT_ROOT
from benchmarks.experiments.click_methods import measure_method, scores, session

SHARED_DATA = Path(os.environ.get("MELLOW_SHARED_DATA", PROJECT_ROOT.parent / "shared" / "data"))


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED_DATA / "paradetox.tsv").is_file(), reason="MELLOW_SHARED_DATA holds no paradetox.tsv")
@pytest.mark.parametrize("taste", ["human", "brief"])
def test_twenty_clicks_order_four_of_five_pairs_and_cost_other_rewrites_two_percent_at_most(taste: str) -> None:
    clicks = session(EMBEDDED_BASE_MODEL, SHARED_DATA, taste, 0, 20)
    figures = measure_method("dpo", EMBEDDED_BASE_MODEL, clicks, scores(EMBEDDED_BASE_MODEL, clicks), {})
    assert len(clicks.trained) == 40
    assert figures["accuracy"] >= 0.8
    assert figures["heldout"] >= -0.02
    assert figures["dev"] >= -0.02


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED_DATA / "paradetox.tsv").is_file(), reason="MELLOW_SHARED_DATA holds no paradetox.tsv")
@pytest.mark.parametrize("method", ["orpo", "kto"])
def test_the_other_methods_learn_twenty_clicks_as_well_and_cost_as_little(method: str) -> None:
    clicks = session(EMBEDDED_BASE_MODEL, SHARED_DATA, "human", 0, 20)
    parent = scores(EMBEDDED_BASE_MODEL, clicks)
    figures = measure_method(method, EMBEDDED_BASE_MODEL, clicks, parent, {})
    assert figures["accuracy"] >= 0.8
    assert figures["heldout"] >= -0.02
    assert figures["dev"] >= -0.02
