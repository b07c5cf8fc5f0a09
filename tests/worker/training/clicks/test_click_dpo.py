"""The DPO recipe: what it learns, what it writes, and how it fails."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from models.settings.clicks import DPOClickOptions
from tests.worker.conftest import RecordingProgress
from worker.training.clicks.click_dpo import MOST_WRITTEN, WRITTEN_TIMES, DPOResult, train_dpo, with_written_again
from worker.training.shared.checkpoint import load_model, load_tokenizer
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.progress import REPORTED, SilentProgress
from worker.training.shared.quiet_libraries import quiet
from worker.training.shared.training_errors import Cancelled, CheckpointError, DatasetError, Diverged, NotLearning
from worker.training.t5.scoring import sequence_log_probs

QUICK = DPOClickOptions(learning_rate=5e-3, num_train_epochs=4, per_device_train_batch_size=2, anchor_weight=0.0)


class Trained(NamedTuple):
    """A run of the recipe on a tiny T5."""

    parent: Path
    child: Path
    result: DPOResult


@pytest.fixture(scope="module", params=["t5", "t5-v1.1"])
def trained(
    request: pytest.FixtureRequest,
    tiny_t5: Path,
    tiny_t5_v1_1: Path,
    examples: list[PreferenceExample],
    tmp_path_factory: pytest.TempPathFactory,
) -> Trained:
    """A run on each kind of T5 in turn."""
    parent, child = {"t5": tiny_t5, "t5-v1.1": tiny_t5_v1_1}[request.param], tmp_path_factory.mktemp("run") / "child"
    return Trained(parent, child, train_dpo(parent, examples, QUICK, child, SilentProgress()))


def test_clicks_become_a_checkpoint_that_prefers_what_was_chosen(
    trained: Trained, examples: list[PreferenceExample]
) -> None:
    result = trained.result
    assert (result.examples, result.steps) == (4, 8)
    assert result.reward_accuracy == 1
    assert result.reward_margin > 0.05
    assert result.policy_moved > 0
    for example in examples:
        gained = []
        for completion in (example.chosen, example.rejected):
            before, after = (
                sequence_log_probs(load_model(folder), load_tokenizer(folder), [example.prompt], [completion])[0]
                for folder in (trained.parent, trained.child)
            )
            gained.append(after - before)
        assert gained[0] > gained[1]


def test_what_a_person_wrote_becomes_likelier_and_not_only_preferred(
    tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path
) -> None:
    def likelihood(folder: Path) -> float:
        prompts, chosen = [one.prompt for one in examples], [one.chosen for one in examples]
        return sum(sequence_log_probs(load_model(folder), load_tokenizer(folder), prompts, chosen))

    train_dpo(tiny_t5, examples, QUICK, tmp_path / "preferred", SilentProgress())
    written = [replace(example, written=True) for example in examples]
    result = train_dpo(tiny_t5, written, QUICK, tmp_path / "written", SilentProgress())
    assert (result.examples, result.steps) == (4, 8 * WRITTEN_TIMES)
    assert likelihood(tmp_path / "written") > likelihood(tmp_path / "preferred") + 1


def test_what_was_written_comes_as_often_as_there_is_time_for() -> None:
    clicked, typed = PreferenceExample("a", "b", "c"), PreferenceExample("d", "e", "f", written=True)
    assert with_written_again([clicked]) == [clicked]
    assert with_written_again([clicked, typed]) == [clicked, *[typed] * WRITTEN_TIMES]
    assert len(with_written_again([typed] * (MOST_WRITTEN // 2))) == MOST_WRITTEN // 2 + MOST_WRITTEN
    assert len(with_written_again([typed] * (MOST_WRITTEN + 1))) == MOST_WRITTEN + 1


def test_the_output_is_a_checkpoint_like_its_parent_and_the_adapter(trained: Trained) -> None:
    parent, child, _ = trained
    assert sorted(path.name for path in child.iterdir()) == sorted([*os.listdir(parent), "adapter"])
    assert sorted(os.listdir(child / "adapter")) == ["adapter_config.json", "adapter_model.safetensors"]
    assert (child / "config.json").read_bytes() == (parent / "config.json").read_bytes()
    assert (child / "tokenizer.json").read_bytes() == (parent / "tokenizer.json").read_bytes()
    before, after = (load_file(folder / "model.safetensors") for folder in (parent, child))
    assert before.keys() == after.keys()
    assert torch.equal(before["shared.weight"], after["shared.weight"])


def test_the_merged_model_is_the_parent_with_the_adapter(trained: Trained, examples: list[PreferenceExample]) -> None:
    parent, child, _ = trained
    with quiet():
        adapted: Any = PeftModel.from_pretrained(load_model(parent), child / "adapter")
    prompts, chosen = [e.prompt for e in examples], [e.chosen for e in examples]
    tokenizer = load_tokenizer(child)

    merged = sequence_log_probs(load_model(child), tokenizer, prompts, chosen)
    assert merged == pytest.approx(sequence_log_probs(adapted, tokenizer, prompts, chosen), abs=1e-4)


@pytest.mark.parametrize("precompute", [True, False])
def test_every_weight_can_be_trained_instead_of_an_adapter(
    tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path, precompute: bool
) -> None:
    recipe = DPOClickOptions(
        use_peft=False, learning_rate=1e-3, num_train_epochs=2, precompute_ref_log_probs=precompute
    )

    result = train_dpo(tiny_t5, examples, recipe, tmp_path / "child", SilentProgress())

    assert result.reward_margin > 0
    assert not (tmp_path / "child" / "adapter").exists()
    before, after = (load_file(folder / "model.safetensors") for folder in (tiny_t5, tmp_path / "child"))
    assert not torch.equal(before["shared.weight"], after["shared.weight"])


def test_precomputed_reference_log_probabilities_change_nothing(
    tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path
) -> None:
    at_once, each_step = (
        train_dpo(
            tiny_t5,
            examples,
            DPOClickOptions(learning_rate=5e-3, num_train_epochs=2, precompute_ref_log_probs=precompute),
            tmp_path / str(precompute),
            SilentProgress(),
        )
        for precompute in (True, False)
    )

    assert at_once.train_loss == pytest.approx(each_step.train_loss, abs=1e-5)
    assert at_once.reward_margin == pytest.approx(each_step.reward_margin, abs=1e-4)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path
) -> None:
    weights = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        recipe = DPOClickOptions(num_train_epochs=2, per_device_train_batch_size=2, seed=seed, lora_dropout=0.1)
        train_dpo(tiny_t5, examples, recipe, tmp_path / name, SilentProgress())
        weights.append((tmp_path / name / "model.safetensors").read_bytes())

    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


def test_progress_hears_every_step_and_every_metric(
    tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = RecordingProgress()

    train_dpo(tiny_t5, examples, replace(QUICK, anchor_weight=1.0), tmp_path / "child", progress)

    assert progress.stages == ["loading", "preparing", "training", "saving"]
    assert progress.steps == [(step, 8) for step in range(1, 9)]
    assert [step for step, _ in progress.reports] == list(range(1, 9))
    assert all(set(values) == set(REPORTED) for _, values in progress.reports)
    assert progress.lines == []
    assert capsys.readouterr() == ("", "")


def test_logging_rarer_than_steps_still_reports_once(
    tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path
) -> None:
    progress = RecordingProgress()
    recipe = DPOClickOptions(num_train_epochs=3, per_device_train_batch_size=2, logging_steps=100)

    result = train_dpo(tiny_t5, examples, recipe, tmp_path / "child", progress)

    assert [step for step, _ in progress.reports] == [6]
    assert result.reward_margin == progress.reports[0][1]["rewards/margins"]


def test_a_cancelled_run_stops_at_once_and_leaves_nothing(
    tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path
) -> None:
    progress = RecordingProgress(cancel_after=3)

    with pytest.raises(Cancelled, match="after step 3"):
        train_dpo(tiny_t5, examples, QUICK, tmp_path / "child", progress)

    assert len(progress.steps) == 3
    assert not (tmp_path / "child").exists()


def test_a_run_cancelled_while_it_waited_takes_no_step(
    tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path
) -> None:
    (tmp_path / "child").mkdir()
    progress = RecordingProgress(cancel_after=0)

    with pytest.raises(Cancelled, match=r"^The run was cancelled before its first step\.$"):
        train_dpo(tiny_t5, examples, QUICK, tmp_path / "child", progress)

    assert progress.steps == []
    assert list((tmp_path / "child").iterdir()) == []  # a folder that was there stays there


def test_a_run_that_moves_no_weight_is_an_error(
    tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path
) -> None:
    with pytest.raises(NotLearning, match="No weight moved in 1 steps with learning_rate 0 and warmup_steps 0"):
        train_dpo(
            tiny_t5,
            examples,
            DPOClickOptions(learning_rate=0.0, num_train_epochs=1),
            tmp_path / "child",
            SilentProgress(),
        )

    assert not (tmp_path / "child").exists()


def test_two_steps_with_a_warm_up_are_enough(tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path) -> None:
    recipe = replace(QUICK, num_train_epochs=1, warmup_steps=0.1)

    result = train_dpo(tiny_t5, examples, recipe, tmp_path / "child", SilentProgress())

    assert result.steps == 2
    assert result.policy_moved > 0


def test_a_loss_that_is_no_number_is_an_error(tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path) -> None:
    broken: Any = load_model(tiny_t5)
    with torch.no_grad():
        broken.shared.weight[load_tokenizer(tiny_t5).eos_token_id] = torch.nan
    broken.save_pretrained(tmp_path / "broken")
    load_tokenizer(tiny_t5).save_pretrained(tmp_path / "broken")

    with pytest.raises(Diverged, match="The loss is nan at step 1"):
        train_dpo(tmp_path / "broken", examples, QUICK, tmp_path / "child", SilentProgress())


def test_examples_that_cannot_be_learned_from_are_counted_by_reason(tiny_t5: Path, tmp_path: Path) -> None:
    bad = [
        PreferenceExample("  ", "good", "bad"),
        PreferenceExample("you are stupid", "", "bad"),
        PreferenceExample("you are stupid", "bad", "bad"),
        PreferenceExample("you are stupid", "ﬁne", "fine"),  # one text to the tokenizer, which normalizes to NFKC
        PreferenceExample("you are stupid", "good " * 600, "bad"),
        PreferenceExample("you are stupid", "good", "bad"),
    ]

    with pytest.raises(DatasetError) as caught:
        train_dpo(tiny_t5, bad, QUICK, tmp_path / "child", SilentProgress())

    assert str(caught.value) == (
        "Of 6 preference examples 1 have an empty prompt, 1 have an empty completion, "
        "2 have chosen and rejected texts that are the same to the model, 1 have a completion of more than 512 tokens."
    )


def test_no_examples_is_an_error(tiny_t5: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"^There are no preference examples to train on\.$"):
        train_dpo(tiny_t5, [], QUICK, tmp_path / "child", SilentProgress())


def test_cut_prompts_are_logged(tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path) -> None:
    progress = RecordingProgress()
    recipe = DPOClickOptions(num_train_epochs=1, max_prompt_length=5)

    result = train_dpo(tiny_t5, examples, recipe, tmp_path / "child", progress)

    assert result.truncated_prompts == 2
    assert progress.lines == ["2 of 4 prompts are cut to their first 5 tokens."]


def test_a_folder_with_something_in_it_is_left_alone(
    tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path
) -> None:
    (tmp_path / "note.txt").write_text("mine")

    with pytest.raises(CheckpointError, match="is not empty"):
        train_dpo(tiny_t5, examples, QUICK, tmp_path, SilentProgress())

    assert (tmp_path / "note.txt").read_text() == "mine"


def test_nothing_is_written_but_the_output(
    tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    parent = {path.name: path.read_bytes() for path in tiny_t5.iterdir()}

    train_dpo(tiny_t5, examples, QUICK, tmp_path / "child", SilentProgress())

    assert list(elsewhere.iterdir()) == []
    assert {path.name: path.read_bytes() for path in tiny_t5.iterdir()} == parent


@pytest.mark.slow
def test_training_runs_in_a_forked_worker_without_a_word(tiny_t5: Path, tmp_path: Path) -> None:
    """An RQ worker imports the recipe, tokenizes, then forks a child for the job."""
    script = f"""
import os
import subprocess
import sys
from pathlib import Path
import torch
from worker.training.shared.checkpoint import encode, load_tokenizer
from worker.training.clicks.click_dpo import DPOResult, MOST_WRITTEN, WRITTEN_TIMES, train_dpo, with_written_again
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.progress import SilentProgress
from models.settings.clicks import DPOClickOptions

torch.set_num_threads(1)
encode(load_tokenizer({str(tiny_t5)!r}), "you")
child = os.fork()
if child == 0:
    examples = [PreferenceExample("you are stupid", "you are wrong", "you are a moron")]
    recipe = DPOClickOptions(num_train_epochs=1)
    train_dpo({str(tiny_t5)!r}, examples, recipe, Path({str(tmp_path / "child")!r}), SilentProgress())
    os._exit(0)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    ran = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=120)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert (tmp_path / "child" / "model.safetensors").is_file()
