"""Our one-coin Dawid–Skene finds what crowd-kit's finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.overlap import overlap

LIBRARIES = Path(sys.prefix) / "label-tools"


@pytest.mark.long
def test_skills_and_right_cards_are_those_of_crowd_kit() -> None:
    """Each screen comes in its three rotations, so that no card is likelier beforehand, which crowd-kit estimates."""
    if not LIBRARIES.is_dir():
        pytest.fail(f"{LIBRARIES} is not there: run `make test`, which installs it, or `make label-tools`.")
    chance = np.random.default_rng(1)
    skills = np.array([0.9, 0.75, 0.6, 0.34, 0.8])
    rows = []
    for screen in range(60):
        right = int(chance.integers(3))
        for person in chance.choice(5, size=3, replace=False):
            wrong = (right + int(chance.integers(1, 3))) % 3
            said = right if chance.random() < skills[person] else wrong
            rows += [(3 * screen + turn, int(person), (said + turn) % 3) for turn in range(3)]
    answer = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("dawid_skene.py"))],
        input=json.dumps(rows),
        env={**os.environ, "PYTHONPATH": str(LIBRARIES)},
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(answer.stdout)
    shown, people, chosen = np.array(rows).T
    ours = overlap(shown, people, chosen)
    assert ours.skills == pytest.approx([theirs["skills"][str(person)] for person in range(5)], abs=1e-5)
    assert ours.right == pytest.approx(np.array(theirs["right"]), abs=1e-4)
