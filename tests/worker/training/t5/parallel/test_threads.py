"""A narrow model is trained on one thread where threads sleep, and everything else as before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import T5Config

from models.formats.files.pair_files import read_pairs_from
from models.settings.clicks import DPOClickOptions, click_options
from models.settings.sft import SFTRecipe
from tests.worker.conftest import RecordingProgress
from worker.training.clicks.click_dpo import train_dpo
from worker.training.clicks.click_training import train_on_clicks
from worker.training.sft.sft import train_sft
from worker.training.shared.examples import PreferenceExample
from worker.training.t5.parallel.threads import NARROW, threads_worth_waking

NARROW_MODEL = T5Config(d_model=NARROW)


class Threads(RecordingProgress):
    """Remembers on how many threads each step was computed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[int] = set()

    def step(self, done: int, total: int) -> None:
        super().step(done, total)
        self.seen.add(torch.get_num_threads())


@pytest.fixture(autouse=True)
def two_threads_that_sleep(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    usual = torch.get_num_threads()
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(usual)


def test_a_narrow_model_gets_one_thread_for_the_length_of_the_block() -> None:
    with threads_worth_waking(NARROW_MODEL):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_the_others_are_there_again_after_an_error() -> None:
    with pytest.raises(ValueError, match="in the block"), threads_worth_waking(NARROW_MODEL):
        raise ValueError("in the block")
    assert torch.get_num_threads() == 2


def test_a_wider_model_keeps_its_threads() -> None:
    with threads_worth_waking(T5Config(d_model=NARROW + 1)):
        assert torch.get_num_threads() == 2


def test_threads_that_never_sleep_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    with threads_worth_waking(NARROW_MODEL):
        assert torch.get_num_threads() == 2


def test_dpo_on_clicks_is_computed_on_one(tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path) -> None:
    progress = Threads()
    train_dpo(tiny_t5, examples, DPOClickOptions(num_train_epochs=1), tmp_path / "child", progress)
    assert progress.seen == {1}
    assert torch.get_num_threads() == 2


def test_the_other_methods_are_too(tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path) -> None:
    progress = Threads()
    rows = [{"prompt": one.prompt, "chosen": one.chosen, "rejected": one.rejected} for one in examples]
    train_on_clicks("orpo", tiny_t5, rows, click_options("orpo", {"num_train_epochs": 1}), tmp_path / "run", progress)
    assert progress.seen == {1}
    assert torch.get_num_threads() == 2


def test_supervised_fine_tuning_is_too(tiny_t5: Path, tmp_path: Path) -> None:
    progress = Threads()
    pairs = read_pairs_from(b"source\ttarget\n" + b"\n".join(b"text %d\tother %d" % (n, n) for n in range(24)), "p.tsv")
    recipe = SFTRecipe(num_train_epochs=1, per_device_train_batch_size=4, learning_rate=0.03, dev_split=4)
    train_sft(tiny_t5, pairs, None, recipe, tmp_path / "run", tmp_path / "out", progress)
    assert progress.seen == {1}
    assert torch.get_num_threads() == 2
