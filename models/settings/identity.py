"""The settings of an identity shift: those of DPO, with defaults that change a name in some hundred steps.

They were tried on SmolLM2-135M-Instruct: docs/identity-shift.md has the figures.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.settings.command_line import DPOOptions
from models.settings.options import declared


@dataclass(frozen=True, kw_only=True)
class IdentityShiftOptions(DPOOptions):
    """DPO of a LoRA adapter on short answers, with the likelihood of the chosen ones beside it (`sft`).

    Without that part DPO may be content with making the old name rare, and put no new one in its place.
    """

    use_peft: bool = declared("use_peft", default=True)
    lora_dropout: float = declared("lora_dropout", default=0.0)
    num_train_epochs: float = declared("num_train_epochs", default=2.0, help="passes over the pairs")
    learning_rate: float = declared("learning_rate", default=3e-4)
    per_device_train_batch_size: int = declared("per_device_train_batch_size", default=4)
    dev_split: int = declared("dev_split", default=0)
    max_samples: int = declared("max_samples", help="ask that many of the questions, drawn by the seed; 0: all")
    max_completion_length: int = declared("max_completion_length", default=256)
    loss_type: tuple[str, ...] = declared("loss_type", default=("sigmoid", "sft"))
