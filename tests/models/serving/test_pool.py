"""Options are kept as bytes and come back, or are not there."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load, save

from models.model_errors import ModelError
from models.reward.features import SIZE, VERSION
from models.serving import pool
from models.serving.pool import Option

OPTIONS = (
    Option("you are wrong", -0.5, 0.9, 0.8, 0.5, 0.4, np.arange(SIZE) / 100, "brief"),
    Option("émoji 🙂\n", -1.5, 0.2, 0.1, 0.25, 0.0, np.zeros(SIZE)),
)


def test_options_come_back() -> None:
    back = pool.unpack(pool.pack(OPTIONS))
    assert [(one.text, one.manner) for one in back] == [(one.text, one.manner) for one in OPTIONS]
    for one, other in zip(back, OPTIONS, strict=True):
        for name in ("likelihood", "neutrality", "meaning", "fluency", "quality"):
            assert getattr(one, name) == pytest.approx(getattr(other, name))
        assert one.features == pytest.approx(other.features, abs=1e-3)


def test_options_that_were_kept_before_there_were_manners_are_plain() -> None:
    packed = pool.pack(OPTIONS)
    older = save(load(packed), metadata={"texts": '["a", "b"]', "features": str(VERSION)})
    assert [(one.text, one.manner) for one in pool.unpack(older)] == [("a", ""), ("b", "")]


def test_options_of_other_features_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "FEATURES_VERSION", 99)
    data = pool.pack(OPTIONS)
    monkeypatch.undo()
    assert pool.unpack(data) == ()


@pytest.mark.parametrize("data", [b"", b"not a pool", pool.pack(OPTIONS)[:-5]])
def test_damaged_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ModelError, match="no pool of rewrites"):
        pool.unpack(data)
