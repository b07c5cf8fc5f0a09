"""Training from Python, by the same code as the commands.

    from worker.api import DPOTrainerWrapper, DPOTrainingConfig

    config = DPOTrainingConfig(beta=0.1, use_peft=True, output_dir="out")
    result = DPOTrainerWrapper("HuggingFaceTB/SmolLM2-135M-Instruct", dataset_name="pairs.jsonl",
                               training_config=config).train()
    print(result.after["preference_accuracy"], result.model_dir)

Repeating a call that was interrupted resumes from its last complete checkpoint.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from models.formats import Kind, Row, RowFile, rows_of, rows_sha256, split_by_prompt
from models.settings.command_line import DPOOptions, TrainOptions
from models.settings.options import declared, field_of
from models.settings.setting import Setting
from worker.training.identity.answering import answer_all
from worker.training.identity.identity import build_identity_shift_dataset
from worker.training.loading import loading
from worker.training.loading.loading import Loaded, tokenizer_of
from worker.training.loading.rendering import as_messages
from worker.training.methods import method_of
from worker.training.run.data import TrainingData, load_training_data, sample, without_measured
from worker.training.run.row_sources import load_row_file
from worker.training.run.runner import Result, train
from worker.training.shared.progress import Progress, SilentProgress
from worker.training.shared.quiet_libraries import quiet
from worker.training.shared.training_errors import CheckpointError, DatasetError

__all__ = [
    "DPOTrainerWrapper",
    "DPOTrainingConfig",
    "Result",
    "build_dpo_dataset",
    "build_identity_shift_dataset",
    "load_dpo_dataset",
    "load_model_and_tokenizer",
]

Rows = Iterable[Mapping[str, Any]]

_ANSWER_COLUMNS = ("chosen", "completion", "response", "answer", "output")


@dataclass(frozen=True, kw_only=True)
class DPOTrainingConfig(DPOOptions):
    """The settings of `python -m worker dpo` under the same names, with defaults for small machines, and `output_dir`.

    A learning rate of 5e-5 suits an adapter (`use_peft=True`) on a chat model, and a small T5; to train all weights of
    a larger model take less, or 0 for the method's default. Raises `RecipeError`, which names the invalid field.
    """

    beta: float = declared("beta", default=0.2)
    learning_rate: float = declared("learning_rate", default=5e-5)
    per_device_train_batch_size: int = declared("per_device_train_batch_size", default=1)
    gradient_accumulation_steps: int = declared("gradient_accumulation_steps", default=8)
    logging_steps: int = declared("logging_steps", default=2)
    output_dir: str = field_of(Setting("output_dir", "./dpo_output", "where the checkpoints and the result go"))

    def options(self, **changed: object) -> DPOOptions:
        """Return the settings without `output_dir`, updated with `changed`."""
        kept = {one.name: getattr(self, one.name) for one in fields(DPOOptions)}
        return DPOOptions(**{**kept, **changed})


class DPOTrainerWrapper:
    """One DPO training: a model, preference pairs, and settings.

    `model_name` is a folder, a hub id, a folder with a PEFT adapter, or a `.gguf` file. The pairs are either
    `dataset_name` (a file of any format that `python -m worker data check` knows, or a hub dataset, whose split `train`
    is used), or `train_dataset`: mappings with the columns of such a file, for example a `datasets.Dataset`.
    `ref_model` is another reference model than `model_name` itself: its name, or the loaded model, which is then
    written beside the output folder while the training lasts. `max_samples` limits the rows, drawn by the seed. With
    `use_gpu` there must be a GPU; without it none is used.

    Raises `DatasetError` unless exactly one of the two sources is given, and `CheckpointError` if there is no GPU.
    """

    def __init__(
        self,
        model_name: str | Path,
        dataset_name: str | Path | None = None,
        train_dataset: Rows | None = None,
        training_config: DPOTrainingConfig | None = None,
        ref_model: str | Path | PreTrainedModel | None = None,
        use_gpu: bool = False,
        max_samples: int | None = None,
    ) -> None:
        if (dataset_name is None) == (train_dataset is None):
            raise DatasetError("Give the preferences as dataset_name or as train_dataset, one of them.")
        _check_gpu(use_gpu)
        config = training_config or DPOTrainingConfig()
        self.model_name = model_name
        self.dataset_name = dataset_name
        self.train_dataset = train_dataset
        self.output_dir = Path(config.output_dir)
        self.ref_model = ref_model if isinstance(ref_model, PreTrainedModel) else None
        named = self._ref_folder if self.ref_model is not None else ref_model
        self.options = config.options(
            use_cpu=not use_gpu,
            ref_model=str(named) if named is not None else config.ref_model,
            max_samples=max_samples if max_samples is not None else config.max_samples,
        )

    @property
    def _ref_folder(self) -> Path:
        """Where a reference model that was given as an object is while the training lasts: always the same place."""
        return self.output_dir.with_name(f"{self.output_dir.name}.ref_model")

    def train(self, progress: Progress | None = None) -> Result:
        """Train, and write `output_dir/model`, `output_dir/result.json` and, for LoRA, `output_dir/adapter`.

        The result holds the held-out metrics before and after, each with its 95 % interval; log-probabilities
        are in nats. `progress` receives every step. Raises `TrainingError` of any kind, `DataFileError` or
        `MemoryError`; then no model is written.
        """
        listener = progress or SilentProgress()
        if self.train_dataset is not None:
            data = _training_data(rows_of(self.train_dataset, Kind.PREFERENCE), self.options, listener)
        else:
            name = str(self.dataset_name)
            files, dataset = ([name], "") if Path(name).is_file() else ([], name)
            data = load_training_data("preference", self.options, listener, train_files=files, dataset_name=dataset)
        if self.ref_model is None:
            return train(method_of("dpo"), self.model_name, data, self.options, self.output_dir, listener)
        try:
            with quiet():
                self.ref_model.save_pretrained(self._ref_folder)
                tokenizer_of(self.model_name).save_pretrained(self._ref_folder)
            return train(method_of("dpo"), self.model_name, data, self.options, self.output_dir, listener)
        finally:
            shutil.rmtree(self._ref_folder, ignore_errors=True)


def load_model_and_tokenizer(
    model_name: str | Path, use_gpu: bool = False, options: TrainOptions | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a model in evaluation mode, on the GPU if asked, and its tokenizer, which has a padding and an EOS token.

    `model_name` is as for `DPOTrainerWrapper`; `options` may set the number format and the quantization (default:
    float32). Raises `CheckpointError`.
    """
    _check_gpu(use_gpu)
    loaded = loading.load_model_and_tokenizer(model_name, options)
    model: Any = loaded.model
    return model.to("cuda") if use_gpu and model.device.type != "cuda" else model, loaded.tokenizer


def load_dpo_dataset(name: str | Path, split: str = "train", max_samples: int | None = None) -> Dataset:
    """Load the preference pairs of a file, or of a split of a hub dataset, with columns prompt, chosen and rejected.

    Texts are strings, or lists of messages if any row has them. `max_samples` of the rows are drawn, always the same
    ones. Raises `DataFileError` if the rows cannot be read, `DatasetError` if the dataset cannot be loaded.
    """
    path = Path(name)
    file = load_row_file(path if path.is_file() else None, str(name), split, Kind.PREFERENCE)
    file.check_usable()
    return _dataset(sample(file.rows, TrainOptions(max_samples=max_samples or 0)))


def build_dpo_dataset(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    raw_dataset: Rows,
    prompt_column: str = "prompt",
    chosen_transform: Callable[[str], str] | None = None,
    *,
    max_new_tokens: int = 128,
    temperature: float = 0.0,
    seed: int = 0,
) -> Dataset:
    """Build preference pairs of better completions over the model's own, with columns prompt, chosen and rejected.

    The model completes every prompt (greedily, or sampled at `temperature`), and its completion is rejected. Chosen is
    `chosen_transform` of that completion; without it, the dataset's own text in a column chosen, completion, response,
    answer or output. Rows in which the two are equal are left out. Prompts are texts or lists of messages.

    Raises `DatasetError` if a row has no prompt or no better text, or if no row is left, and `InputTooLong`.
    """
    loaded = Loaded(model, tokenizer, "seq2seq" if model.config.is_encoder_decoder else "causal", "the model")
    raw = [dict(row) for row in raw_dataset]
    for number, row in enumerate(raw, start=1):
        if not row.get(prompt_column):
            raise DatasetError(f"Row {number} of the dataset has no {prompt_column}.")
    better = None if chosen_transform else [_answer(row, number) for number, row in enumerate(raw, start=1)]
    own = answer_all(
        loaded,
        [row[prompt_column] for row in raw],
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        seed=seed,
    )
    rows: list[Row] = []
    for place, (row, answer) in enumerate(zip(raw, own, strict=True)):
        chosen = better[place] if better else chosen_transform(answer)  # type: ignore[misc]
        if chosen.strip() != answer and chosen.strip() and answer:
            rows.append({"prompt": row[prompt_column], "chosen": chosen.strip(), "rejected": answer})
    if not rows:
        raise DatasetError("Nothing can be learned: every answer of the model is as it should be, or empty.")
    return _dataset(rows)


def _answer(row: Mapping[str, Any], number: int) -> str:
    """Return the better completion that a row of a dataset holds."""
    for name in _ANSWER_COLUMNS:
        text = row.get(name)
        if isinstance(text, list) and text:
            text = text[-1].get("content")
        if isinstance(text, str) and text.strip():
            return text
    raise DatasetError(
        f"Row {number} of the dataset has no answer in a column {', '.join(_ANSWER_COLUMNS[:-1])} or "
        f"{_ANSWER_COLUMNS[-1]}: give chosen_transform to make one of the model's."
    )


def _dataset(rows: Iterable[Row]) -> Dataset:
    """Return the rows as a dataset with one type for each column: messages everywhere if any text is a list of them."""
    names = ("prompt", "chosen", "rejected")
    plain = [{name: row[name] for name in names} for row in rows]
    if any(isinstance(row[name], list) for row in plain for name in names):
        plain = [
            {name: as_messages(row[name], "user" if name == "prompt" else "assistant") for name in names}
            for row in plain
        ]
    return Dataset.from_list(plain)


def _training_data(file: RowFile, options: DPOOptions, progress: Progress) -> TrainingData:
    """Sample and split rows that were passed directly, as those of a file are."""
    if file.problem_count:
        progress.log(file.problem_report())
    file.check_usable()
    rows, held_out = split_by_prompt(sample(without_measured(file.rows, progress), options), options.dev_split)
    held_out = held_out[: options.max_eval_samples or None]
    if not rows:
        raise DatasetError("No row is left to train on.")
    summary = {"files": [], "formats": [file.format], "rows": file.row_count, "left_out": file.problem_count}
    summary |= {"train": len(rows), "held_out": len(held_out)}
    return TrainingData(rows, held_out, held_out, rows_sha256(rows, held_out), summary)


def _check_gpu(use_gpu: bool) -> None:
    if use_gpu and not torch.cuda.is_available():
        raise CheckpointError("use_gpu is set, but torch finds no GPU.")
