"""The saved state comes back as it was."""

from pathlib import Path

import torch
from transformers.optimization import Adafactor

from worker.base.build.checkpoint import new_model
from worker.base.pretrain.state import PretrainingProgress, cut_log, load_state, model_of, save_state, write_log


def test_a_saved_state_comes_back(tmp_path: Path) -> None:
    model, average = (new_model(50, width=16, encoder_layers=1, decoder_layers=2) for _ in range(2))
    optimizer = Adafactor(model.parameters(), lr=1e-2, relative_step=False)  # type: ignore[no-untyped-call]
    progress = PretrainingProgress(tokens=7, steps=2, group=1, batch=3, losses={"corruption": (4.5, 2)}, cooling_from=5)
    save_state(tmp_path, model, average, optimizer, progress)

    state = load_state(tmp_path)
    assert state is not None
    assert state.progress == progress
    for stored, expected in ((state.weights, model), (state.average, average)):
        again = model_of(state, stored)
        assert again.config.num_decoder_layers == 2
        assert all(torch.equal(a, b) for a, b in zip(again.parameters(), expected.parameters(), strict=True))


def test_a_folder_without_a_state_has_none(tmp_path: Path) -> None:
    assert load_state(tmp_path) is None


def test_the_log_is_cut_back_to_what_was_saved(tmp_path: Path) -> None:
    for tokens in (10, 20, 30):
        write_log(tmp_path, {"tokens": tokens})
    cut_log(tmp_path, 20)

    assert (tmp_path / "log.jsonl").read_text(encoding="utf-8") == '{"tokens": 10}\n{"tokens": 20}\n'
