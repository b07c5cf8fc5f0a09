"""Inside the block nothing is drawn and nothing is sent; outside of it everything is as it was."""

import os

import datasets
import pytest
from huggingface_hub import constants
from transformers.utils import logging

from worker.training.shared.quiet_libraries import quiet


def settings() -> list[object]:
    return [
        logging.is_progress_bar_enabled(),
        logging.get_verbosity(),
        datasets.are_progress_bars_disabled(),
        constants.HF_HUB_DISABLE_TELEMETRY,
        os.environ.get("TQDM_DISABLE"),
    ]


def test_bars_and_telemetry_are_off_inside() -> None:
    with quiet():
        assert settings() == [False, 40, True, True, "1"]  # 40 is logging.ERROR


def test_settings_return_after_an_error_too() -> None:
    before = settings()

    with pytest.raises(KeyError), quiet(), quiet():
        raise KeyError

    assert settings() == before
