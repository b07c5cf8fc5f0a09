"""Policies small enough to learn within seconds, of both architectures, over a dozen words.

Their weights are random, so that at first every word is about as likely as any other.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from peft import LoraConfig
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    PrinterCallback,
    T5Config,
    T5ForConditionalGeneration,
)

from worker.training.loading.loading import Loaded
from worker.training.methods.ppo.config import PPOConfig
from worker.training.methods.ppo.trainer import PPOTrainer
from worker.training.shared.lora import linear_layers

Kind = Literal["t5", "llama"]
WORDS = ["good", "bad", "well", "ill", "red", "blue", "one", "two", "the", "of"]
TEXTS = ["red", "blue blue", "one of the two", "the bad", "two red", "ill", "of the blue one", "well"]


def toy_tokenizer() -> PreTrainedTokenizerFast:
    """A word a token: `<pad>` 0, `</s>` 1, then `WORDS`."""
    vocabulary = {word: place for place, word in enumerate(["<pad>", "</s>", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<pad>"
    )


def toy_model(kind: Kind, seed: int = 4) -> PreTrainedModel:
    """A random model with dropout, so that a test sees whether it was switched off."""
    size = len(WORDS) + 2
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "llama":
            model = LlamaForCausalLM(
                LlamaConfig(
                    vocab_size=size,
                    hidden_size=32,
                    intermediate_size=48,
                    num_hidden_layers=2,
                    num_attention_heads=4,
                    attention_dropout=0.1,
                    pad_token_id=0,
                    bos_token_id=None,
                    eos_token_id=1,
                )
            )
            model.lm_head.weight.data *= 10  # an adapter cannot raise the logits of a head that hardly has any
            return model
        options: dict[str, Any] = {"decoder_start_token_id": 0}
        return T5ForConditionalGeneration(
            T5Config(
                vocab_size=size,
                d_model=32,
                d_kv=8,
                d_ff=48,
                num_layers=2,
                num_heads=4,
                dropout_rate=0.1,
                pad_token_id=0,
                eos_token_id=1,
                **options,  # which the signature hides
            )
        )


def likes_good(prompts: Sequence[Any], completions: Sequence[str]) -> list[float]:
    """The share of the words of each completion that are `good`."""
    assert len(prompts) == len(completions)
    return [text.split().count("good") / max(len(text.split()), 1) for text in completions]


def toy_lora(model: PreTrainedModel, kind: Kind) -> LoraConfig:
    """An adapter on every linear layer, with dropout."""
    task = "SEQ_2_SEQ_LM" if kind == "t5" else "CAUSAL_LM"
    return LoraConfig(task_type=task, r=4, lora_alpha=8, lora_dropout=0.1, target_modules=linear_layers(model))


def toy_trainer(
    kind: Kind, folder: Path, *, lora: bool = False, reward: Any = likes_good, prompts: Any = TEXTS, **settings: Any
) -> PPOTrainer:
    """A trainer of a toy policy; `settings` are those of `PPOConfig`."""
    model = toy_model(kind)
    loaded = Loaded(model, toy_tokenizer(), "seq2seq" if kind == "t5" else "causal", "toy")
    torch.manual_seed(0)  # of the adapter
    options: dict[str, Any] = {
        "output_dir": str(folder),
        "max_completion_length": 4,
        "rollout_batch_size": 8,
        "per_device_train_batch_size": 4,
        "num_ppo_epochs": 2,
        "max_steps": 4,
        "learning_rate": 1e-3,
        "value_learning_rate": 1e-2,
        "lr_scheduler_type": "constant",
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "use_cpu": True,
        "dataloader_pin_memory": False,
        "disable_tqdm": True,
        "seed": 3,
    }
    trainer = PPOTrainer(
        loaded,
        PPOConfig(**{**options, **settings}),
        reward,
        prompts,
        held_out=TEXTS,
        peft_config=toy_lora(model, kind) if lora else None,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def logged(trainer: PPOTrainer, name: str) -> list[float]:
    """Every value of one figure in the order in which it was logged."""
    return [entry[name] for entry in trainer.state.log_history if name in entry]
