"""Direct Preference Optimization (Rafailov et al. 2023), from clicks to a checkpoint.

    loss = -log sigmoid( beta * [ log p(chosen|prompt)   - log p_ref(chosen|prompt)
                                - log p(rejected|prompt) + log p_ref(rejected|prompt) ] )           (their eq. 7)

where p is the policy being trained and p_ref the parent it starts from. `train_dpo` is the recipe; the functions
below it are its steps, in order.
"""

import copy
import math
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import torch
from datasets import Dataset, load_from_disk
from transformers import PreTrainedModel, PreTrainedTokenizerFast, PrinterCallback
from trl.trainer.dpo_config import DPOConfig

from models.settings.dpo import DPORecipe
from worker.training.clicks.anchors import AnchoredDPOTrainer
from worker.training.shared.checkpoint import encode, load_model, load_tokenizer, save_checkpoint
from worker.training.shared.errors import Cancelled, CheckpointError, DatasetError, Diverged, NotLearning
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.lora import lora_config
from worker.training.shared.progress import Progress, ProgressCallback
from worker.training.shared.quiet import quiet
from worker.training.t5.memory import freed_memory_is_kept
from worker.training.t5.threads import threads_worth_waking

ADAPTER = "adapter"
"""The folder beside the merged model that holds the LoRA adapter alone."""


@dataclass(frozen=True)
class DPOResult:
    """What a run did. Rewards are in nats times beta, as TRL logs them, averaged over the last epoch."""

    examples: int
    truncated_prompts: int
    steps: int
    seconds: float
    train_loss: float
    reward_margin: float
    reward_accuracy: float
    policy_moved: float
    """The largest absolute difference between a weight of the new model and the parent's."""

    def as_dict(self) -> dict[str, float]:
        """Every number by its name."""
        return asdict(self)


def train_dpo(
    parent_dir: Path | str,
    examples: Sequence[PreferenceExample],
    recipe: DPORecipe,
    output_dir: Path,
    progress: Progress,
) -> DPOResult:
    """Train the model in `parent_dir` (a folder, or a hub id) on `examples`, and write the new one to `output_dir`.

    `output_dir`, which must be absent or empty, receives the merged model (float32 safetensors), the tokenizer, and
    under `adapter/` the LoRA adapter when one was trained. It receives nothing at all when the run fails. On the CPU
    the same inputs and seed give the same weights.

    Raises `DatasetError`, `CheckpointError`, `Diverged`, `NotLearning` or `Cancelled`.
    """
    started = time.monotonic()
    with quiet(), freed_memory_is_kept(), _workspace(output_dir) as work, ExitStack() as undo:
        progress.stage("loading")
        model = load_model(parent_dir)
        undo.enter_context(threads_worth_waking(model.config))
        parent_config = copy.deepcopy(model.config)
        tokenizer = load_tokenizer(parent_dir)
        truncated = _check_examples(examples, tokenizer, recipe, progress)

        progress.stage("preparing")
        callback = ProgressCallback(progress)
        trainer = _build_trainer(model, tokenizer, examples, recipe, work, callback)
        if progress.cancelled():
            raise Cancelled("The run was cancelled before its first step.")

        progress.stage("training")
        outcome = trainer.train()
        if callback.stopped:
            raise Cancelled(f"The run was cancelled after step {trainer.state.global_step}.")

        progress.stage("saving")
        staged = work / "checkpoint"
        policy = trainer.accelerator.unwrap_model(trainer.model)
        if recipe.use_lora:
            policy.save_pretrained(staged / ADAPTER)
            (staged / ADAPTER / "README.md").unlink()  # PEFT's card is an unfilled form
            policy = policy.merge_and_unload()
        moved = _largest_change(policy, parent_dir)
        if moved == 0:
            raise NotLearning(
                f"No weight moved in {trainer.state.global_step} steps with learning_rate {recipe.learning_rate:g} and "
                f"warmup_steps {recipe.warmup_steps:g}."
            )
        policy.config = parent_config  # training turns the cache of generation off there
        save_checkpoint(policy, tokenizer, staged)
        _publish(staged, output_dir)

    last_epoch = _last_epoch(callback.history, _steps_per_epoch(trainer))
    return DPOResult(
        examples=len(examples),
        truncated_prompts=truncated,
        steps=trainer.state.global_step,
        seconds=time.monotonic() - started,
        train_loss=float(outcome.training_loss),
        reward_margin=fmean(values["rewards/margins"] for values in last_epoch),
        reward_accuracy=fmean(values["rewards/accuracies"] for values in last_epoch),
        policy_moved=moved,
    )


@contextmanager
def _workspace(output_dir: Path) -> Iterator[Path]:
    """A temporary folder under `output_dir`, gone at the end; after an error `output_dir` is as it was before."""
    existed = output_dir.exists()
    if existed and any(output_dir.iterdir()):
        raise CheckpointError(f"The output folder {output_dir} is not empty.")
    output_dir.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".work-", dir=output_dir) as work:
            yield Path(work)
    except BaseException:
        shutil.rmtree(output_dir)
        if existed:
            output_dir.mkdir()
        raise


def _check_examples(
    examples: Sequence[PreferenceExample],
    tokenizer: PreTrainedTokenizerFast,
    recipe: DPORecipe,
    progress: Progress,
) -> int:
    """Refuse what cannot be learned from, and return how many prompts will be cut to `max_prompt_length`.

    A cut prompt still makes a fair comparison, so it is logged; a cut completion would teach the model to stop in
    mid-sentence, so it is refused. Raises `DatasetError`, which counts each reason.
    """
    if not examples:
        raise DatasetError("There are no preference examples to train on.")
    reasons: Counter[str] = Counter()
    truncated = 0
    for example in examples:
        chosen, rejected = encode(tokenizer, example.chosen), encode(tokenizer, example.rejected)
        if not example.prompt.strip():
            reasons["have an empty prompt"] += 1
        elif not example.chosen.strip() or not example.rejected.strip():
            reasons["have an empty completion"] += 1
        elif chosen == rejected:
            reasons["have chosen and rejected texts that are the same to the model"] += 1
        elif max(len(chosen), len(rejected)) > recipe.max_completion_length:
            reasons[f"have a completion of more than {recipe.max_completion_length} tokens"] += 1
        truncated += len(encode(tokenizer, example.prompt)) > recipe.max_prompt_length
    if reasons:
        listed = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        raise DatasetError(f"Of {len(examples)} preference examples {listed}.")
    if truncated:
        progress.log(
            f"{truncated} of {len(examples)} prompts are cut to their first {recipe.max_prompt_length} tokens."
        )
    return truncated


def _build_trainer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    examples: Sequence[PreferenceExample],
    recipe: DPORecipe,
    work: Path,
    callback: ProgressCallback,
) -> AnchoredDPOTrainer:
    """TRL's trainer set up as `recipe` says, on the GPU in bfloat16 where there is one, else on the CPU."""
    cuda = torch.cuda.is_available()
    args = DPOConfig(
        output_dir=str(work / "trainer"),
        beta=recipe.beta,
        loss_type=list(recipe.loss_type),
        loss_weights=list(recipe.loss_weights),
        label_smoothing=recipe.label_smoothing,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.lr_scheduler_type,
        warmup_steps=recipe.warmup_steps,
        max_grad_norm=recipe.max_grad_norm,
        num_train_epochs=recipe.num_train_epochs,
        per_device_train_batch_size=recipe.per_device_train_batch_size,
        gradient_accumulation_steps=recipe.gradient_accumulation_steps,
        precompute_ref_log_probs=recipe.precompute_ref_log_probs,
        logging_steps=recipe.logging_steps,
        seed=recipe.seed,
        use_cpu=not cuda,
        bf16=recipe.bf16 or (cuda and torch.cuda.is_bf16_supported()),
        dataloader_pin_memory=cuda,
        activation_checkpointing=False,  # sentences are short: memory is not what is scarce
        disable_dropout=False,  # the trainer silences the model's own; this switch would silence LoRA's too
        logging_nan_inf_filter=False,  # a loss that is no number must be seen, to be refused
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    # On disk, because the reference log-probabilities are cached beside the dataset: in the workspace.
    Dataset.from_list([asdict(example) for example in examples]).save_to_disk(work / "examples")
    lora = lora_config(model, recipe.lora_r, recipe.lora_alpha, recipe.lora_dropout) if recipe.use_lora else None
    in_memory_reference = not recipe.use_lora and not recipe.precompute_ref_log_probs
    trainer = AnchoredDPOTrainer(
        model,
        copy.deepcopy(model) if in_memory_reference else None,  # with LoRA the reference is the model without it
        args=args,
        processing_class=tokenizer,
        max_prompt_length=recipe.max_prompt_length,
        max_completion_length=recipe.max_completion_length,
        anchor_weight=recipe.anchor_weight,
        vocabulary_metrics=False,  # nobody is shown them (progress.py)
        train_dataset=load_from_disk(work / "examples"),
        peft_config=lora,
        callbacks=[callback],
    )
    trainer.remove_callback(PrinterCallback)
    # A run of fewer steps than that is reported at its end.
    args.logging_steps = min(recipe.logging_steps, _steps_per_epoch(trainer) * recipe.num_train_epochs)
    return trainer


def _largest_change(policy: PreTrainedModel, parent_dir: Path | str) -> float:
    """The largest absolute difference between a weight of `policy` and the same weight of its parent."""
    before = load_model(parent_dir).state_dict()
    largest = 0.0
    for name, weight in policy.state_dict().items():
        change = float((weight.float().cpu() - before[name]).abs().max())
        if not math.isfinite(change):
            raise Diverged("The last step left weights that are no numbers: lower learning_rate.")
        largest = max(largest, change)
    return largest


def _publish(staged: Path, output_dir: Path) -> None:
    """Move a finished checkpoint from the workspace into place, config.json last: its presence means completeness."""
    for path in sorted(staged.iterdir(), key=lambda path: path.name == "config.json"):
        path.rename(output_dir / path.name)


def _steps_per_epoch(trainer: AnchoredDPOTrainer) -> int:
    """Optimizer steps in one pass over the data."""
    return math.ceil(len(trainer.get_train_dataloader()) / trainer.args.gradient_accumulation_steps)


def _last_epoch(history: Sequence[tuple[int, Mapping[str, float]]], steps_per_epoch: int) -> list[Mapping[str, float]]:
    """The reports of the last epoch, or the last report where reports are rarer than epochs."""
    first = history[-1][0] - steps_per_epoch
    return [values for step, values in history if step > first]
