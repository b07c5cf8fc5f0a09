"""Run by torchrun in two processes: train, go on from a checkpoint, and print three largest differences of weights.

Between the processes, between the run and the resumed one, and between its end and its start; each over policy and
value model.
"""

import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as distributed

from tests.worker.training.methods.ppo.toy import TEXTS, toy_trainer
from worker.training.methods.ppo.buffer import trained_state
from worker.training.methods.ppo.trainer import PPOTrainer
from worker.training.shared.quiet_libraries import quiet


def weights(trainer: PPOTrainer) -> torch.Tensor:
    """Every trained weight in one row."""
    states = [trained_state(trainer.policy), trained_state(trainer.plain_value_model)]
    return torch.cat([weight.flatten() for state in states for weight in state.values()])


def main(folder: Path) -> None:
    """Train twice; the second run starts from the first one's checkpoint, in the middle of a rollout."""
    settings: dict[str, Any] = {
        "value_model": "separate",
        "prompts": TEXTS * 4,
        "rollout_batch_size": 16,
        "gradient_accumulation_steps": 2,
        "max_steps": 4,
        "reward": lambda prompts, completions: [float(len(text)) for text in completions],
    }
    with quiet():
        trainer = toy_trainer("llama", folder, save_strategy="steps", save_steps=1, **settings)
        trainer.train()
        resumed = toy_trainer("llama", folder / "resumed", **settings)
        fresh = weights(toy_trainer("llama", folder / "fresh", **settings))
        resumed.train(resume_from_checkpoint=str(folder / "checkpoint-1"))
    mine = weights(trainer)
    both = [torch.zeros_like(mine) for _ in range(2)]
    distributed.all_gather(both, mine)
    if distributed.get_rank() == 0:
        found = (both[0] - both[1], mine - weights(resumed), mine - fresh)
        print("differences", *(float(each.abs().max()) for each in found))
    distributed.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
