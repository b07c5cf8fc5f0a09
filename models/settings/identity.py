"""The settings of an identity shift: those of DPO, with defaults that change a name in some hundred steps.

They were tried on SmolLM2-135M-Instruct: docs/identity-shift.md has the figures.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.settings.command_line import DPOOptions, setting
from models.settings.dpo import LOSS_TYPES


@dataclass(frozen=True, kw_only=True)
class IdentityShiftOptions(DPOOptions):
    """DPO of a LoRA adapter on short answers, with the likelihood of the chosen ones beside it (`sft`).

    Without that part DPO may be content with making the old name rare, and put no new one in its place.
    """

    use_peft: bool = setting(True, "train a LoRA adapter instead of all weights")
    lora_dropout: float = setting(0.0, "share of the adapter's input that is dropped while training", 0, 0.9)
    num_train_epochs: float = setting(2.0, "passes over the pairs", 0.001, 1000)
    learning_rate: float = setting(3e-4, "step size; 0 takes the one that suits the model", 0, 0.1)
    per_device_train_batch_size: int = setting(4, "rows computed at once: lower it if memory runs out", 1, 1024)
    dev_split: int = setting(0, "one prompt in so many is held out too, chosen by its hash; 0: none", 0, 1000)
    max_samples: int = setting(0, "ask that many of the questions, drawn by the seed; 0: all", 0, 100_000_000)
    max_prompt_length: int = setting(512, "a row with a longer prompt is left out", 2, 131_072)
    max_completion_length: int = setting(256, "a row with a longer completion is left out", 2, 131_072)
    loss_type: tuple[str, ...] = setting(("sigmoid", "sft"), "one or more of TRL's losses", choices=LOSS_TYPES)
