"""The record of what a model was trained on."""

from pathlib import Path

import pytest

from models.model_errors import VersionDamaged
from models.store.trained_on import TRAINED_ON_FILE, TrainedOn


def test_a_record_knows_what_was_added_however_it_is_written(tmp_path: Path) -> None:
    first = TrainedOn().including(["You are dumb.", "stop it"])
    later = first.including(["go away", "STOP IT"])
    later.write(tmp_path)
    found = TrainedOn.read(tmp_path)
    assert found is not None
    assert found.knows(["you are dumb", "Stop it!", "go away", "well done"]) == [True, True, True, False]
    assert first.knows(["go away"]) == [False]
    assert len(found.wordings) == 3


def test_a_model_is_known_by_the_record_beside_it(tmp_path: Path) -> None:
    TrainedOn().including(["stop"]).write(tmp_path)
    (tmp_path / "model").mkdir()
    found = TrainedOn.read(tmp_path / "model")
    assert found is not None
    assert found.knows(["stop", "go"]) == [True, False]


def test_where_nothing_is_recorded_nothing_is_known(tmp_path: Path) -> None:
    assert TrainedOn.read(tmp_path / "model") is None
    assert TrainedOn().knows(["stop"]) == [False]
    assert TrainedOn().knows([]) == []


@pytest.mark.parametrize("content", [b"", b"no safetensors", b"\x02\x00\x00\x00\x00\x00\x00\x00{}"])
def test_a_damaged_record_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / TRAINED_ON_FILE).write_bytes(content)
    with pytest.raises(VersionDamaged, match=TRAINED_ON_FILE):
        TrainedOn.read(tmp_path)
