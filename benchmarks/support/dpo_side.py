"""One side of benchmarks/dpo_steps.py and of experiments/gpu.py: trains by DPO, a few steps each time it is told to.

    python benchmarks/support/dpo_side.py SIDE JOB

SIDE is `mellow`, or `trl`, which runs in an environment of its own that has TRL 0.28.0 and nothing of ours; so nothing
of ours is imported before the side is known. JOB is a JSON file with the folder of the model, preference rows and
settings. First the policy is moved away from its reference, by the same noise on both sides, and a line of JSON tells
the trainer's loss of the first pairs, the exact one, and how long the reference took over them. Then, for each line
read, some steps are made, and a line tells how long each took.

The exact loss is eq. 7 of Rafailov et al. 2023 in float64, one text at a time by the model's own forward.
"""

import contextlib
import copy
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ["TQDM_DISABLE"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

import psutil
import torch
from transformers import AutoModelForSeq2SeqLM, PreTrainedTokenizerFast, TrainerCallback

LINES, sys.stdout = sys.stdout, sys.stderr  # the trainers print too
LORA: dict[str, Any] = {"task_type": "SEQ_2_SEQ_LM", "r": 16, "lora_alpha": 32, "lora_dropout": 0.0}
LINEAR_LAYERS = ["q", "k", "v", "o", "wi", "wo"]
NOISE = {"all weights": 0.05, "LoRA": 0.1}
"""How far the policy is moved: the standard deviation as a share of each weight's own."""

Job = dict[str, Any]


class Turns(TrainerCallback):
    """Waits for a line before each round of `steps` steps, then tells what one took: seconds, and seconds of CPU."""

    def __init__(self, steps: int, device: str) -> None:
        self.steps, self.device = steps, device
        self.began = (0.0, 0.0)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Wait for the word; training ends where there is none."""
        if state.global_step % self.steps == 0:
            if not sys.stdin.readline():
                sys.exit()
            self.began = self._now()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Tell after the last step of a round."""
        if state.global_step % self.steps == 0:
            seconds, cpu = (now - began for now, began in zip(self._now(), self.began, strict=True))
            tell(seconds=seconds / self.steps, cpu_seconds=cpu / self.steps)

    def _now(self) -> tuple[float, float]:
        if self.device == "cuda":
            torch.cuda.synchronize()
        own = psutil.Process()
        cpu = (one.cpu_times() for one in (own, *own.children(recursive=True)))
        return time.perf_counter(), sum(times.user + times.system for times in cpu)


def tell(**figures: float) -> None:
    """One line of JSON."""
    print(json.dumps(figures), file=LINES, flush=True)


def arguments(job: Job) -> dict[str, Any]:
    """What both trainers are told."""
    return {
        "output_dir": job["work"],
        "beta": job["beta"],
        "learning_rate": 1e-6,
        "lr_scheduler_type": "constant",
        "max_steps": 1_000_000,
        "per_device_train_batch_size": job["batch"],
        "precompute_ref_log_probs": job["precompute"],
        "bf16": job["bf16"],
        "gradient_checkpointing": False,
        "logging_steps": 1,
        "use_cpu": job["device"] == "cpu",
        "seed": 0,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": job["device"] == "cuda",
    }


def trl_trainer(job: Job, model: Any, tokenizer: Any, turns: Turns) -> Any:
    """TRL 0.28's own trainer."""
    from datasets import Dataset
    from peft import LoraConfig
    from trl import DPOConfig, DPOTrainer  # type: ignore[attr-defined]

    lengths: dict[str, Any] = {"max_length": None, "max_prompt_length": None, "max_completion_length": None}
    trainer: Any = DPOTrainer(
        model,
        None,
        args=DPOConfig(**arguments(job), **lengths),
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(job["rows"]),
        peft_config=LoraConfig(**LORA, target_modules=LINEAR_LAYERS) if job["lora"] else None,
        callbacks=[turns],
    )
    if job["precompute"]:
        trainer.get_train_dataloader()  # asks the reference, which is the policy as long as it is not moved
    return trainer


def mellow_trainer(job: Job, model: Any, tokenizer: Any, turns: Turns) -> Any:
    """Ours, as the studio's Retrain sets it up; its anchors, which TRL has not, are a setting of the job."""
    from datasets import Dataset, load_from_disk
    from peft import LoraConfig
    from trl.trainer.dpo_config import DPOConfig

    from models.settings.clicks import DPOClickOptions
    from worker.training.clicks.anchored import AnchorPenalty
    from worker.training.t5.seq2seq_dpo import Seq2SeqDPOTrainer

    Dataset.from_list(job["rows"]).save_to_disk(Path(job["work"]) / "examples")
    in_memory = not job["lora"] and not job["precompute"]
    trainer = Seq2SeqDPOTrainer(
        model,
        copy.deepcopy(model) if in_memory else None,
        args=DPOConfig(**arguments(job), disable_dropout=False),
        processing_class=tokenizer,
        max_prompt_length=512,
        max_completion_length=512,
        vocabulary_metrics="no statistics" in job.get("off", ()),
        train_dataset=load_from_disk(Path(job["work"]) / "examples"),
        peft_config=LoraConfig(**LORA, target_modules=LINEAR_LAYERS) if job["lora"] else None,
        callbacks=[turns],
    )
    if job.get("anchors"):
        trainer.add_callback(AnchorPenalty(trainer, tokenizer, DPOClickOptions().anchor_weight))
    return trainer


def move_policy(model: Any, lora: bool) -> None:
    """Add noise to what is trained; of an adapter only to the second matrices, which start at zero."""
    generator = torch.Generator().manual_seed(1)
    for name, weight in sorted(model.named_parameters()):
        if weight.requires_grad and (not lora or "lora_B" in name):
            spread = 0.02 if lora else float(weight.detach().std()) or 0.02
            noise = torch.randn(weight.shape, generator=generator) * spread * NOISE["LoRA" if lora else "all weights"]
            with torch.no_grad():
                weight.add_(noise.to(weight.device))


def log_probs(model: Any, tokenizer: Any, rows: list[dict[str, str]]) -> list[tuple[float, float]]:
    """log p of the chosen and of the rejected text of each row in nats: float64, one text at a time, no dropout."""
    exact = copy.deepcopy(model).double().eval()

    def ids(text: str) -> torch.Tensor:
        pieces = tokenizer(text, add_special_tokens=False).input_ids
        return torch.tensor([[*pieces, tokenizer.eos_token_id]], device=exact.device)

    found = []
    with torch.no_grad():
        for row in rows:
            pair = []
            for name in ("chosen", "rejected"):
                labels = ids(row[name])
                scores = exact(input_ids=ids(row["prompt"]), labels=labels).logits[0]
                pair.append(float(scores.log_softmax(-1).gather(-1, labels.T).sum()))
            found.append((pair[0], pair[1]))
    return found


def exact_loss(policy: list[tuple[float, float]], reference: list[tuple[float, float]], beta: float) -> float:
    """The mean of -log sigmoid(beta * margin)."""
    margins = [
        (chosen - ref_chosen) - (rejected - ref_rejected)
        for (chosen, rejected), (ref_chosen, ref_rejected) in zip(policy, reference, strict=True)
    ]
    return sum(math.log1p(math.exp(-beta * margin)) for margin in margins) / len(margins)


def first_batch(trainer: Any, pairs: int) -> Any:
    """The first pairs of the data as the trainer takes them."""
    columns = set(trainer._signature_columns or trainer.train_dataset.column_names)
    rows = [{k: v for k, v in trainer.train_dataset[row].items() if k in columns} for row in range(pairs)]
    return trainer._prepare_inputs(trainer.data_collator(rows))


@contextlib.contextmanager
def as_the_studio_trains(side: str, off: Sequence[str] = ()) -> Iterator[None]:
    """Have about the trainer what `train_dpo` has, without the levers of dpo_levers.py that are `off`."""
    if side == "trl":
        yield
        return
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from benchmarks.experiments.dpo_levers import switched_off
    from worker.training.shared.quiet_libraries import quiet
    from worker.training.t5.memory import freed_memory_is_kept

    with quiet(), contextlib.nullcontext() if "memory kept" in off else freed_memory_is_kept(), switched_off(off):
        yield


def threads_of_the_studio(side: str, config: Any) -> contextlib.AbstractContextManager[None]:
    """Of those that the job allows, as many as `train_dpo` wakes for such a model."""
    if side == "trl":
        return contextlib.nullcontext()
    from worker.training.t5.parallel.threads import threads_worth_waking

    return threads_worth_waking(config)


def cores_of_the_studio(side: str, model: Any) -> contextlib.AbstractContextManager[None]:
    """The process that computes a part of each batch, where `train_dpo` forks one."""
    if side == "trl":
        return contextlib.nullcontext()
    from worker.training.t5.seq2seq_head import on_two_cores

    return on_two_cores(model)


def main() -> None:
    """Set up, tell the first losses, and train in turns."""
    side, job = sys.argv[1], json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    torch.set_num_threads(job["threads"])
    with as_the_studio_trains(side, job.get("off", ())), contextlib.ExitStack() as stack:
        torch.manual_seed(0)
        model: Any = AutoModelForSeq2SeqLM.from_pretrained(job["model"], dtype=torch.float32)
        tokenizer: Any = PreTrainedTokenizerFast.from_pretrained(job["model"])
        stack.enter_context(threads_of_the_studio(side, model.config))
        make = {"trl": trl_trainer, "mellow": mellow_trainer}[side]
        trainer = make(job, model, tokenizer, Turns(job["steps"], job["device"]))
        rows = job["rows"][: job["batch"]]
        reference = log_probs(trainer.model, tokenizer, rows)
        reference_seconds, reference_cpu = (
            seconds_of_reference(trainer, side, job["batch"]) if job["precompute"] else (0.0, 0.0)
        )
        move_policy(trainer.model, job["lora"])
        trainer.model.train()
        trainer._set_signature_columns_if_needed()
        with trainer.compute_loss_context_manager():
            loss = float(trainer.compute_loss(trainer.model, first_batch(trainer, job["batch"])).detach())
        exact = exact_loss(log_probs(trainer.model, tokenizer, rows), reference, job["beta"])
        tell(loss=loss, exact=exact, reference_seconds=reference_seconds, reference_cpu_seconds=reference_cpu)
        stack.enter_context(cores_of_the_studio(side, trainer.model))
        trainer.train()


def seconds_of_reference(trainer: Any, side: str, pairs: int) -> tuple[float, float]:
    """The time the reference model takes over one batch, which is spent once before training; and that of the CPU."""
    batch = first_batch(trainer, pairs)
    times = []
    for _ in range(3):
        began, cpu_began = time.perf_counter(), time.process_time()
        with trainer.compute_loss_context_manager():
            trainer.compute_ref_log_probs(batch) if side == "trl" else trainer.compute_ref_log_probs(
                trainer.model, batch
            )
        times.append((time.perf_counter() - began, time.process_time() - cpu_began))
    return min(times)


if __name__ == "__main__":
    main()
