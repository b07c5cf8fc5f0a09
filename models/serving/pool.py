"""The pool of options that a head chooses among, stored until a screen is judged, so that a newer head can choose."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from safetensors.numpy import load, save

from models.manners import PLAIN
from models.model_errors import ModelError
from models.reward.features import SIZE, Array
from models.reward.features import VERSION as FEATURES_VERSION

_NUMBERS = ("likelihood", "neutrality", "meaning", "fluency", "quality")


@dataclass(frozen=True)
class Option:
    """A rewrite that may be shown, with the numbers that its choice depends on.

    `likelihood` is the mean log-probability of its tokens in nats, as sampled. `neutrality`, `meaning`, `fluency` and
    `quality` (without likelihood) come from the classifier and the judge; `features` are its features, (SIZE,), and
    `manner` is that in which it was written.
    """

    text: str
    likelihood: float
    neutrality: float
    meaning: float
    fluency: float
    quality: float
    features: Array = field(compare=False)
    manner: str = PLAIN


def pack(pool: Sequence[Option]) -> bytes:
    """Return options as safetensors: numbers in single precision, features in half precision."""
    return save(
        {
            "numbers": np.array([[getattr(one, name) for name in _NUMBERS] for one in pool], dtype=np.float32),
            "features": np.array([one.features for one in pool], dtype=np.float16),
        },
        metadata={
            "texts": json.dumps([one.text for one in pool]),
            "manners": json.dumps([one.manner for one in pool]),
            "features": str(FEATURES_VERSION),
        },
    )


def unpack(data: bytes) -> tuple[Option, ...]:
    """Return options that were packed; none if another version computed their features. Raises ModelError."""
    try:
        arrays = load(data)
        length = int.from_bytes(data[:8], "little")
        said = json.loads(data[8 : 8 + length])["__metadata__"]
        texts = json.loads(said["texts"])
        manners = json.loads(said["manners"]) if "manners" in said else [PLAIN] * len(texts)  # as it was written before
        if said["features"] != str(FEATURES_VERSION) or arrays["features"].shape != (len(texts), SIZE):
            return ()
        numbers = [dict(zip(_NUMBERS, row, strict=True)) for row in arrays["numbers"].tolist()]
        rows = arrays["features"].astype(np.float64)
        return tuple(
            Option(text, features=row, manner=manner, **of)
            for text, manner, of, row in zip(texts, manners, numbers, rows, strict=True)
        )
    except Exception as error:  # the library raises bare exceptions for damaged data
        raise ModelError(f"This is no pool of rewrites: {error}") from error
