"""What the command of a shared worker makes of its machine."""

from __future__ import annotations

import pytest

from worker.commands.studios import _visible_gpus
from worker.job import machine


@pytest.mark.parametrize(
    ("said", "gpus"),
    [({}, ["0", "1"]), ({"CUDA_VISIBLE_DEVICES": ""}, []), ({"CUDA_VISIBLE_DEVICES": "2, 3,,"}, ["2", "3"])],
    ids=["all", "none", "some"],
)
def test_the_gpus_are_those_that_are_visible(
    said: dict[str, str], gpus: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "gpus", lambda: [{"name": "one"}, {"name": "another"}])
    assert _visible_gpus(said) == gpus
