"""Initial training: what it learns, which checkpoint it keeps, what it writes, and how it fails."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.formats.files.pair_files import PairFile, read_pairs_from
from models.settings.sft import SFTRecipe
from models.store.locks import try_lock
from tests.worker.conftest import RecordingProgress
from worker.training.sft.sft import SFTResult, train_sft
from worker.training.shared import run_folder as run_folders
from worker.training.shared.checkpoint import load_model, load_tokenizer, save_checkpoint
from worker.training.shared.progress import SilentProgress
from worker.training.shared.run_folder import last_whole_checkpoint, run_folder
from worker.training.shared.training_errors import Cancelled, CheckpointError, Diverged, NotLearning, ParityError
from worker.training.t5.scoring import sequence_log_probs

QUICK = SFTRecipe(num_train_epochs=4, per_device_train_batch_size=4, learning_rate=0.03, logging_steps=1, dev_split=4)


@pytest.fixture(scope="module")
def file() -> PairFile:
    rows = [
        f"you are a {rude} {who}\tyou are {kind}"
        for rude in ("stupid", "dumb", "silly", "damn")
        for who, kind in (("idiot", "wrong"), ("moron", "mistaken"), ("trash", "not good"))
    ]
    return read_pairs_from(("source\ttarget\n" + "\n".join(rows)).encode(), "pairs.tsv")


def train(
    base: Path, file: PairFile, folder: Path, recipe: SFTRecipe = QUICK, progress: Any = None, **options: Any
) -> SFTResult:
    return train_sft(base, file, None, recipe, folder / "run", folder / "out", progress or SilentProgress(), **options)


@pytest.mark.parametrize(
    ("each_t5", "optim", "use_peft"),
    [
        ("t5", "adafactor", False),
        ("t5", "adamw_torch", True),
        ("t5-v1.1", "adafactor", True),
        ("t5-v1.1", "adamw_torch", False),
        pytest.param("t5", "adafactor", True, marks=pytest.mark.slow),
        pytest.param("t5", "adamw_torch", False, marks=pytest.mark.slow),
        pytest.param("t5-v1.1", "adafactor", False, marks=pytest.mark.slow),
        pytest.param("t5-v1.1", "adamw_torch", True, marks=pytest.mark.slow),
    ],
    indirect=["each_t5"],
)
def test_pairs_become_a_model_that_finds_them_likelier(
    each_t5: Path, file: PairFile, tmp_path: Path, use_peft: bool, optim: str
) -> None:
    recipe = replace(QUICK, optim=optim, use_peft=use_peft, learning_rate=0.03 if optim == "adafactor" else 3e-3)
    result = train(each_t5, file, tmp_path, recipe)

    assert result.pairs + result.dev_sources == 12
    assert result.dev_loss < result.parent_dev_loss - 0.05
    sources, targets = map(list, zip(*file.pairs, strict=True))
    before, after = (
        sum(sequence_log_probs(load_model(folder), load_tokenizer(folder), sources, targets))
        for folder in (each_t5, tmp_path / "out")
    )
    assert after > before + 5


@pytest.mark.parametrize("use_peft", [False, True], ids=["all weights", "lora"])
def test_the_output_is_a_checkpoint_like_its_base(
    each_t5: Path, file: PairFile, tmp_path: Path, use_peft: bool
) -> None:
    train(each_t5, file, tmp_path, replace(QUICK, use_peft=use_peft, num_train_epochs=1))
    out = tmp_path / "out"
    assert sorted(os.listdir(out)) == sorted([*os.listdir(each_t5), *(["adapter"] if use_peft else [])])
    assert json.loads((out / "config.json").read_text()) == json.loads((each_t5 / "config.json").read_text())
    assert (out / "tokenizer.json").read_bytes() == (each_t5 / "tokenizer.json").read_bytes()
    before, after = (load_file(folder / "model.safetensors") for folder in (each_t5, out))
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == (
        before.keys()
        if not use_peft
        else {name for name in before if name[-9:-7] in (".q", ".k", ".v", ".o") or ".wi" in name or ".wo." in name}
    )


def test_the_checkpoint_with_the_lowest_dev_loss_is_kept_not_the_last(
    tiny_t5: Path, file: PairFile, tmp_path: Path
) -> None:
    """What is held out wants other words than what is trained on: it gets worse the more is learned."""
    progress = RecordingProgress()
    other = read_pairs_from(b"source\ttarget\nyou idiot\tplease go read my comment\n", "dev.tsv")
    recipe = replace(QUICK, num_train_epochs=6)
    result = train_sft(tiny_t5, file, other, recipe, tmp_path / "run", tmp_path / "out", progress)

    losses = {step: values["dev_loss"] for step, values in progress.reports if "dev_loss" in values and step > 0}
    best = min(losses, key=losses.__getitem__)
    assert best < max(losses), "the test needs a run whose last checkpoint is not its best"
    assert (result.best_step, result.dev_loss) == (best, losses[best])
    assert f"The checkpoint of step {best} is kept." in progress.lines
    again = train_sft(tmp_path / "out", file, other, recipe, tmp_path / "run 2", tmp_path / "out 2", SilentProgress())
    assert again.parent_dev_loss == pytest.approx(losses[best], abs=1e-5), "what was written is what was scored"


def test_the_best_by_chrf_is_kept_when_asked_for(tiny_t5: Path, file: PairFile, tmp_path: Path) -> None:
    progress = RecordingProgress()
    result = train(tiny_t5, file, tmp_path, replace(QUICK, metric_for_best_model="chrf"), progress)
    scores = {step: values["dev_chrf"] for step, values in progress.reports if "dev_chrf" in values and step > 0}
    assert result.dev_chrf == max(scores.values())


def test_a_run_without_a_better_score_ends_early(tiny_t5: Path, file: PairFile, tmp_path: Path) -> None:
    recipe = replace(QUICK, num_train_epochs=50, learning_rate=0.1, early_stopping_patience=2)
    result = train(tiny_t5, file, tmp_path, recipe)
    epoch = math.ceil(result.pairs / 4)
    assert result.steps == result.best_step + 2 * epoch < 50 * epoch


def test_without_a_dev_share_the_last_step_is_kept(tiny_t5: Path, file: PairFile, tmp_path: Path) -> None:
    result = train(tiny_t5, file, tmp_path, replace(QUICK, dev_split=0))
    assert (result.pairs, result.steps, result.best_step) == (12, 12, 12)
    assert "dev_loss" not in result.as_dict()


def test_the_charts_begin_before_the_first_step(tiny_t5: Path, file: PairFile, tmp_path: Path) -> None:
    progress = RecordingProgress()
    result = train(tiny_t5, file, tmp_path, progress=progress)
    assert progress.stages == ["reading the data", "loading", "training", "saving"]
    assert progress.reports[0] == (
        0,
        {"dev_loss": result.parent_dev_loss, "dev_chrf": result.parent_dev_chrf},
    )
    steps = [step for step, values in progress.reports if "loss" in values]
    assert steps == list(range(1, result.steps + 1))
    assert progress.steps == [(step, result.steps) for step in steps]


def test_a_resumed_run_shows_what_was_measured_before(tiny_t5: Path, file: PairFile, tmp_path: Path) -> None:
    stopped, resumed, straight = RecordingProgress(cancel_after=5), RecordingProgress(), RecordingProgress()
    with pytest.raises(Cancelled, match="after step 5"):
        train(tiny_t5, file, tmp_path, progress=stopped)
    result = train(tiny_t5, file, tmp_path, progress=resumed)
    expected = train(tiny_t5, file, tmp_path / "straight", progress=straight)
    assert dict_of(resumed) == dict_of(straight)
    assert result.parent_dev_loss == expected.parent_dev_loss
    assert result.train_loss == pytest.approx(expected.train_loss, abs=1e-6), "of all steps, not of the last ones"


def dict_of(progress: RecordingProgress) -> dict[tuple[int, str], float]:
    return {(step, name): value for step, values in progress.reports for name, value in values.items()}


def test_nothing_is_written_where_no_weight_moved(tiny_t5: Path, file: PairFile, tmp_path: Path) -> None:
    with pytest.raises(NotLearning, match=r"of \d+ trained weights did not move in \d+ steps with learning_rate 0 "):
        train(tiny_t5, file, tmp_path, replace(QUICK, learning_rate=0.0, num_train_epochs=1))
    assert not (tmp_path / "out").exists()


def test_a_single_weight_that_did_not_move_is_named(
    tiny_t5: Path, file: PairFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from worker.training.sft import sft

    def frozen(source: Path | str) -> Any:
        model = load_model(source)
        model.get_parameter("encoder.final_layer_norm.weight").requires_grad_(False)
        return model

    monkeypatch.setattr(sft, "load_model", frozen)
    with pytest.raises(NotLearning, match=r"^1 of .* encoder\.final_layer_norm\.weight among them\.$"):
        train(tiny_t5, file, tmp_path)


def test_files_of_another_model_than_was_trained_are_refused(
    tiny_t5: Path, file: PairFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from worker.training.sft import sft

    def spoilt(model: Any, tokenizer: Any, folder: Path) -> None:
        save_checkpoint(model, tokenizer, folder)
        weights = load_file(folder / "model.safetensors")
        weights["shared.weight"] = weights["shared.weight"] * 2
        save_file(weights, folder / "model.safetensors", {"format": "pt"})

    monkeypatch.setattr(sft, "save_checkpoint", spoilt)
    with pytest.raises(ParityError, match=r"they differ by \S+ nats a token\. Nothing was kept but the checkpoints\.$"):
        train(tiny_t5, file, tmp_path)


def test_a_loss_that_is_no_number_is_an_error(tiny_t5: Path, file: PairFile, tmp_path: Path) -> None:
    broken: Any = load_model(tiny_t5)
    with torch.no_grad():
        broken.shared.weight[load_tokenizer(tiny_t5).eos_token_id] = torch.nan
    broken.save_pretrained(tmp_path / "broken")
    load_tokenizer(tiny_t5).save_pretrained(tmp_path / "broken")
    with pytest.raises(Diverged, match="The loss is nan at step 1"):
        train(tmp_path / "broken", file, tmp_path, replace(QUICK, dev_split=0))
    with pytest.raises(Diverged, match="The dev loss is nan at step 0"):
        train(tmp_path / "broken", file, tmp_path / "dev")


def test_a_run_cancelled_while_it_waited_takes_no_step(tiny_t5: Path, file: PairFile, tmp_path: Path) -> None:
    progress = RecordingProgress(cancel_after=0)
    with pytest.raises(Cancelled, match=r"^The run was cancelled before its first step\.$"):
        train(tiny_t5, file, tmp_path, progress=progress)
    assert progress.steps == []


def test_another_training_does_not_go_on_from_these_checkpoints(tiny_t5: Path, file: PairFile, tmp_path: Path) -> None:
    train(tiny_t5, file, tmp_path)
    with pytest.raises(CheckpointError, match="of another training, which differs in learning_rate, seed: "):
        train(tiny_t5, file, tmp_path, replace(QUICK, learning_rate=0.02, seed=5))
    progress = RecordingProgress()
    result = train(tiny_t5, file, tmp_path, replace(QUICK, seed=5), progress, resume_from="no")
    assert len(progress.steps) == result.steps


def test_a_run_may_go_on_from_a_checkpoint_that_is_named(tiny_t5: Path, file: PairFile, tmp_path: Path) -> None:
    train(tiny_t5, file, tmp_path)
    kept = sorted((tmp_path / "run").glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    progress = RecordingProgress()
    train(tiny_t5, file, tmp_path, progress=progress, resume_from=str(kept[0]))
    step = int(kept[0].name.removeprefix("checkpoint-"))
    assert f"Training goes on from step {step}." in progress.lines
    assert progress.checkpoints[0] == step < progress.checkpoints[1]
    with pytest.raises(CheckpointError, match="is not a whole checkpoint of this training"):
        train(tiny_t5, file, tmp_path, resume_from=str(tiny_t5))


def test_a_folder_with_something_else_in_it_is_left_alone(tiny_t5: Path, file: PairFile, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "note.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="is not empty"):
        train(tiny_t5, file, tmp_path)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["note.txt"]


def test_two_processes_never_train_in_one_folder(
    tiny_t5: Path, file: PairFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folders, "LOCK_WAIT_SECONDS", 0.0)
    other = run_folder(tmp_path / "run", {}, SilentProgress())
    with other, pytest.raises(CheckpointError, match="Another process is training in"):
        train(tiny_t5, file, tmp_path)


class Waiting(RecordingProgress):
    """Calls `meanwhile` whenever it is asked whether to stop, and stops if that says so."""

    def __init__(self, meanwhile: Callable[[], bool]) -> None:
        super().__init__()
        self.meanwhile = meanwhile

    def cancelled(self) -> bool:
        return self.meanwhile()


def test_a_training_waits_for_another_process_to_leave_its_folder(tmp_path: Path) -> None:
    other = ExitStack()
    other.enter_context(run_folder(tmp_path, {}, SilentProgress()))

    def leave() -> bool:
        other.close()
        return False

    progress = Waiting(leave)
    with run_folder(tmp_path, {}, progress):
        assert try_lock(tmp_path) is None
    assert progress.lines == ["Another process is training in the same folder: waiting for it to leave."]


def test_a_run_that_is_cancelled_while_it_waits_for_its_folder_stops(tmp_path: Path) -> None:
    other, mine = run_folder(tmp_path, {}, SilentProgress()), run_folder(tmp_path, {}, Waiting(lambda: True))
    with other, pytest.raises(Cancelled, match="before its first step"):
        mine.__enter__()


def test_what_was_half_written_when_a_process_died_is_no_stranger(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / ".training.json.123").write_text("{")
    with run_folder(tmp_path, {}, SilentProgress()):
        assert (tmp_path / "training.json").is_file()


def test_no_checkpoint_holds_a_pickle_of_our_own(tiny_t5: Path, file: PairFile, tmp_path: Path) -> None:
    train(tiny_t5, file, tmp_path)
    checkpoint = last_whole_checkpoint(tmp_path / "run")
    assert checkpoint is not None
    assert not (checkpoint / "training_args.bin").exists()
    for name in ("optimizer.pt", "scheduler.pt"):
        assert torch.load(checkpoint / name, weights_only=True), "it is read without running code"


def test_a_tracker_that_is_not_installed_is_told(tiny_t5: Path, file: PairFile, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="Training cannot report to comet_ml: "):
        train(tiny_t5, file, tmp_path, report_to=["comet_ml"])


def test_training_says_nothing_on_the_terminal(
    tiny_t5: Path, file: PairFile, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    train(tiny_t5, file, tmp_path)
    assert capfd.readouterr() == ("", "")
