"""From files to the rows of a run: sampled, mixed, split by prompt, and no longer than the model is given."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.formats import rows_sha256
from models.model_errors import DataFileError
from models.settings.command_line import DPOOptions, GRPOOptions, PPOOptions, SFTOptions
from models.store.trained_on import TrainedOn
from models.texts.heldout import HELDOUT_FILE
from tests.tiny.decoders import GPT2_POSITIONS, build_tiny_decoder
from tests.tiny.llama import CHAT_TEMPLATE
from tests.tiny.t5 import build_tiny_t5
from tests.worker.conftest import RecordingProgress
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.run.data import TrainingData, fit, load_training_data, without_known
from worker.training.shared.training_errors import DatasetError


def preferences(path: Path, count: int, word: str = "idea") -> str:
    rows = [{"prompt": f"a bad {word} {n}", "chosen": "good", "rejected": "bad"} for n in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def load(kind: str, options: DPOOptions | PPOOptions, *files: str, **more: Any) -> tuple[TrainingData, list[str]]:
    progress = RecordingProgress()
    data = load_training_data(kind, options, progress, train_files=files, **more)
    return data, progress.lines


def test_a_prompt_is_trained_on_or_held_out_and_held_out_preferences_go_with_every_kind(tmp_path: Path) -> None:
    file = preferences(tmp_path / "a.jsonl", 40)

    for kind, per_prompt in (("preference", 1), ("unpaired", 2), ("prompt", 1)):
        data, _ = load(kind, DPOOptions(dev_split=4), file)

        train, held_out = ({row["prompt"] for row in part} for part in (data.train, data.held_out))
        assert not train & held_out
        assert len(data.train) + len(data.held_out) == 40 * per_prompt
        assert [row["prompt"] for row in data.pairs] == sorted(held_out, key=[r["prompt"] for r in data.pairs].index)
        assert {row["prompt"] for row in data.pairs} == held_out


def test_weights_stay_with_their_rows_and_the_log_says_what_all_count(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"prompt": f"text {n}", "chosen": "good", "rejected": "bad", "weight": n / 10} for n in range(10)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    data, lines = load("preference", DPOOptions(), str(path))

    assert {row["prompt"]: row["weight"] for row in (*data.train, *data.held_out)} == {
        row["prompt"]: row["weight"] for row in rows
    }
    count = sum(row["weight"] for row in data.train)
    assert f"By their weights, the rows to train on count as {count:.1f}." in lines
    assert not any("weights" in line for line in load("preference", DPOOptions(), preferences(path, 10))[1])


def test_samples_are_drawn_by_the_seed(tmp_path: Path) -> None:
    file = preferences(tmp_path / "a.jsonl", 200)

    def drawn(**settings: float) -> list[str]:
        data, _ = load("preference", DPOOptions(**settings), file)  # type: ignore[arg-type]
        return [row["prompt"] for row in (*data.train, *data.held_out)]

    assert len(drawn(max_samples=30)) == 30
    assert len(drawn(dataset_fraction=0.1)) == 20
    assert drawn(max_samples=30) == drawn(max_samples=30)
    assert set(drawn(max_samples=30)) != set(drawn(max_samples=30, seed=1))


def test_a_mix_has_its_proportions_and_is_recorded(tmp_path: Path) -> None:
    helpful = preferences(tmp_path / "h.jsonl", 60, "plan")
    harmless = preferences(tmp_path / "s.jsonl", 60, "movie")

    data, said = load(
        "preference",
        DPOOptions(dev_split=5),
        f"helpful={helpful}",
        f"harmless={harmless}",
        weights="helpful=0.75,harmless=0.25",
    )

    rows = [*data.train, *data.held_out]
    assert [sum(row["objective"] == name for row in rows) for name in ("helpful", "harmless")] == [60, 20]
    assert set(data.summary["objectives"]) == {"helpful", "harmless"}
    assert {row["objective"] for row in data.pairs} == {"helpful", "harmless"}
    assert any("60 of 60 helpful" in line for line in said)


def test_a_validation_file_is_held_out_and_never_trained_on(tmp_path: Path) -> None:
    file, check = preferences(tmp_path / "a.jsonl", 10), preferences(tmp_path / "b.jsonl", 3)

    data, _ = load("preference", DPOOptions(), file, validation_file=check)

    assert (len(data.train), len(data.held_out), len(data.pairs)) == (7, 3, 3)


def test_bad_rows_are_named_with_their_lines_and_a_bad_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    preferences(file, 5)
    with file.open("a", encoding="utf-8") as lines:
        lines.write('{"prompt": "a", "chosen": "b", "rejected": "b"}\n')

    _, said = load("preference", DPOOptions(), str(file))
    assert "1 of 6 rows was left out: line 6 (chosen and rejected are the same)." in said

    file.write_text('{"prompt": "a", "chosen": "b"}\n{"prompt": "a"}\n', encoding="utf-8")
    with pytest.raises(DataFileError):
        load("preference", DPOOptions(), str(file))


def test_rows_longer_than_allowed_are_left_out_and_counted(tmp_path: Path) -> None:
    loaded = load_model_and_tokenizer(build_tiny_t5(tmp_path / "t5"))
    rows = [
        {"prompt": "a bad idea", "chosen": "good", "rejected": "bad"},
        {"prompt": "a " * 20 + "idea", "chosen": "good", "rejected": "bad"},
        {"prompt": "an idea", "chosen": "good", "rejected": "bad " * 20},
    ]
    progress = RecordingProgress()
    options = DPOOptions(max_prompt_length=12, max_completion_length=12)

    data = fit(TrainingData(rows, rows[:1], rows, "", {}), loaded, options, progress)

    assert (data.train, data.held_out, data.pairs) == (rows[:1], rows[:1], rows[:1])
    assert progress.lines == [
        "Left out because they are longer than max_prompt_length 12 and max_completion_length 12 allow: 2 of 3 rows; "
        "the first begins with 'a a a a a a a a a a a a a a a a a a a a idea'."
    ]
    with pytest.raises(DatasetError, match="No row can be used, because they are longer than max_prompt_length 12"):
        fit(TrainingData(rows[1:], [], [], "", {}), loaded, options, progress)


def test_rows_longer_than_the_models_positions_are_left_out(tmp_path: Path) -> None:
    """Also where no setting speaks of the length, and where a completion is still to be sampled."""
    loaded = load_model_and_tokenizer(build_tiny_decoder(tmp_path / "gpt2", "gpt2"))
    rows = [{"prompt": "an idea " * times, "chosen": "good", "rejected": "bad"} for times in (1, GPT2_POSITIONS)]
    progress = RecordingProgress()

    data = fit(TrainingData(rows, [], [], "", {}), loaded, DPOOptions(), progress)

    assert data.train == rows[:1]
    assert progress.lines[0].startswith(
        "Left out because they are longer than the 96 tokens that the model can read: 1"
    )
    prompts = [{"prompt": "an idea"}]
    with pytest.raises(DatasetError, match=r"that the model can read with max_completion_length 128\.$"):
        fit(TrainingData(prompts, [], [], "", {}), loaded, GRPOOptions(), progress)


def test_rows_that_the_chat_template_refuses_are_left_out_with_its_reason(tmp_path: Path) -> None:
    loaded = load_model_and_tokenizer(build_tiny_decoder(tmp_path / "gemma", "gemma"))
    refusal = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    loaded.tokenizer.chat_template = refusal + CHAT_TEMPLATE
    user = {"role": "user", "content": "an idea"}
    rows = [
        {"prompt": prompt, "chosen": "good", "rejected": "bad"}
        for prompt in ([user], [{"role": "system", "content": "be good"}, user])
    ]
    progress = RecordingProgress()

    data = fit(TrainingData(rows, [], [], "", {}), loaded, DPOOptions(), progress)

    assert data.train == rows[:1]
    refused = "the model's chat template refuses it: System role not supported"
    assert progress.lines[0].startswith(f"Left out because {refused}: 1 of 2 rows")
    with pytest.raises(DatasetError, match=f"No row can be used, because {refused}"):
        fit(TrainingData(rows[1:], [], [], "", {}), loaded, DPOOptions(), progress)


def test_a_prompt_with_its_completion_may_have_one_limit(tmp_path: Path) -> None:
    loaded = load_model_and_tokenizer(build_tiny_t5(tmp_path / "t5"))
    rows = [{"prompt": "an idea", "completion": "good"}, {"prompt": "an idea", "completion": "good " * 9}]

    data = fit(TrainingData(rows, [], [], "", {}), loaded, SFTOptions(max_length=10), RecordingProgress())

    assert data.train == rows[:1]


def test_all_that_is_left_out_is_said_in_the_log_and_counted_in_the_summary(tmp_path: Path) -> None:
    measured = HELDOUT_FILE.read_text(encoding="utf-8").splitlines()[1].split("\t")[0]
    rows = [{"prompt": f"text {n}", "chosen": "good", "rejected": "bad"} for n in (0, 1, 2, 3, 0)]
    rows += [{"prompt": measured, "chosen": "good", "rejected": "bad"}, {"prompt": "x", "chosen": "a", "rejected": "a"}]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    data, lines = load("preference", DPOOptions(dev_split=2), f"mine={path}")

    prompts = {row["prompt"] for row in (*data.train, *data.held_out)}
    assert prompts == {f"text {n}" for n in range(4)}
    assert {row["objective"] for row in data.train} == {"mine"}
    assert lines == [
        "The data are preference: 7 rows.",
        "1 of 7 rows was left out: line 7 (chosen and rejected are the same).",
        "Rows that repeat an earlier one and are used once: 1.",
        "Rows left out because every version is tested on their prompt: 1.",
        f"To train on: {len(data.train)} rows. Held out: {len(data.held_out)}.",
    ]
    assert data.sha256 == rows_sha256(data.train, data.held_out)
    assert data.summary == {
        "files": [f"mine={path}"],
        "formats": ["preference"],
        "rows": 7,
        "left_out": 1,
        "train": len(data.train),
        "held_out": len(data.held_out),
        "objectives": {"mine": len(data.train)},
    }
    few, _ = load("preference", DPOOptions(dev_split=2, max_eval_samples=1), str(path))
    assert (len(few.held_out), len(few.pairs)) == (1, 1)


def test_held_out_rows_that_the_model_was_trained_on_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = [{"prompt": text, "chosen": "good", "rejected": "bad"} for text in ("one", "two", "three")]
    data = TrainingData(rows, rows, rows[:2], "a hash", {"rows": 3})
    progress = RecordingProgress()
    found = without_known(data, TrainedOn().including(["Two", "four"]), progress)
    assert [row["prompt"] for row in found.held_out] == ["one", "three"]
    assert [row["prompt"] for row in found.pairs] == ["one"]
    assert (found.train, found.sha256, found.summary) == (rows, "a hash", {"rows": 3})
    said = "Held-out rows that test nothing, because the model was trained on their prompt: 1."
    assert progress.lines == [said]
    assert without_known(data, TrainedOn(), progress) == data
    assert progress.lines == [said]


def test_where_nothing_is_left_to_train_on_it_is_said_why(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    file = preferences(path, 3)
    with pytest.raises(DatasetError, match=r"^No row is left to train on\.$"):
        load("preference", DPOOptions(), file, validation_file=file)
    data, lines = load("preference", DPOOptions(), file, validation_file=preferences(tmp_path / "b.jsonl", 2))
    assert [row["prompt"] for row in data.train] == ["a bad idea 2"]
    assert lines[:2] == ["The data are preference: 3 rows.", "The data are preference: 2 rows."]
    assert lines[-1] == "To train on: 1 rows. Held out: 2."
