"""The texts that a model was never trained on: by its record, or by the split that it was trained with."""

import json
from pathlib import Path

import pytest

from app.config import EMBEDDED_BASE_MODEL
from models.formats.files.pair_files import PairRow
from models.formats.splitting import held_out_keys
from models.store.manifest import Manifest
from models.store.trained_on import TrainedOn
from worker.evaluation.unseen import unseen

ROWS = [PairRow(number, f"text {number}", ()) for number in range(2000)]


def sources(rows: list[PairRow]) -> list[str]:
    return [row.source for row in rows]


def held_out(*splits: int) -> list[str]:
    return [row.source for row in ROWS if all(held_out_keys([row.source], split) for split in splits)]


def version(store: Path, number: int, method: str, parent: int | None = None, **config: object) -> Path:
    folder = store / f"{number:06d}"
    folder.mkdir(parents=True)
    manifest = Manifest(
        number=number,
        parent=parent,
        run_id=None,
        method=method,
        config=config,
        data_sha256="",
        metrics={},
        created_at="2026-11-29T12:00:00+00:00",
    )
    (folder / "manifest.json").write_text(manifest.to_json())
    return folder


def test_a_record_decides(tmp_path: Path) -> None:
    folder = version(tmp_path, 1, "sft", dev_split=15)
    TrainedOn().including(sources(ROWS[:1500])).write(folder)
    assert unseen(ROWS, folder) == ROWS[1500:]


@pytest.mark.parametrize("split", [15, 25, 30, 50])
def test_a_version_without_a_record_is_tested_on_its_own_split(tmp_path: Path, split: int) -> None:
    assert sources(unseen(ROWS, version(tmp_path, 1, "sft", dev_split=split))) == held_out(split) != []


def test_what_its_ancestors_were_trained_on_is_left_out(tmp_path: Path) -> None:
    version(tmp_path, 1, "base")
    version(tmp_path, 2, "sft", parent=1, dev_split=3)
    last = version(tmp_path, 3, "dpo", parent=2)
    assert sources(unseen(ROWS, last)) == held_out(20, 3) != []
    TrainedOn().including(sources(ROWS[:1000])).write(tmp_path / "000002")
    assert unseen(ROWS, last) == ROWS[1000:]


def test_the_model_of_a_run_of_the_command_line_is_tested_on_the_split_of_that_run(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "result.json").write_text(json.dumps({"options": {"dev_split": 7}}))
    assert sources(unseen(ROWS, tmp_path / "model")) == held_out(7)


def test_of_a_model_from_elsewhere_one_source_in_twenty_is_taken(tmp_path: Path) -> None:
    assert sources(unseen(ROWS, tmp_path)) == held_out(20)


def test_a_name_of_the_hub_is_not_taken_for_a_folder_beside_the_records_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    TrainedOn().including(sources(ROWS)).write(tmp_path)
    (tmp_path / "result.json").write_text(json.dumps({"options": {"dev_split": 7}}))
    monkeypatch.chdir(tmp_path)
    assert sources(unseen(ROWS, Path("t5-small"))) == held_out(20)


def test_the_embedded_checkpoint_says_what_it_was_trained_on() -> None:
    record = TrainedOn.read(Path(EMBEDDED_BASE_MODEL))
    assert record is not None
    assert len(record.wordings) > 100_000
    assert record.knows(["I really like to watch football.", "text that nobody ever wrote 7351"])[1] is False
