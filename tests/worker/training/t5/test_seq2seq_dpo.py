"""TRL's DPO trainer on an encoder-decoder computes what the paper says, and encodes each prompt once."""

import inspect
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import PreTrainedModel
from trl.trainer import dpo_trainer
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.utils import FusedCausalLMOutput

from worker.training.shared.checkpoint import encode, load_model, load_tokenizer
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.quiet_libraries import quiet
from worker.training.t5.scoring import sequence_log_probs
from worker.training.t5.seq2seq_dpo import WRITTEN, WRITTEN_WEIGHT, PreferenceCollator, Seq2SeqDPOTrainer
from worker.training.t5.seq2seq_head import TRL_HEAD, add_seq2seq_head
from worker.training.t5.token_scores import token_statistics

BETA = 0.1


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield


def build(
    folder: Path,
    examples: Sequence[PreferenceExample],
    tmp_path: Path,
    *,
    reference: str = "lora",
    **settings: Any,
) -> Any:
    """A trainer over all `examples` in one batch, whose reference model is found in one of TRL's three ways."""
    lora = LoraConfig(task_type="SEQ_2_SEQ_LM", r=4, target_modules=["q", "v", "wo"])
    args = DPOConfig(
        output_dir=str(tmp_path / "trainer"),
        use_cpu=True,
        bf16=False,
        activation_checkpointing=False,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        per_device_train_batch_size=len(examples),
        beta=BETA,
        precompute_ref_log_probs=reference == "precomputed",
        **settings,
    )
    return Seq2SeqDPOTrainer(
        load_model(folder),
        load_model(folder) if reference == "separate" else None,
        args=args,
        processing_class=load_tokenizer(folder),
        max_prompt_length=64,
        max_completion_length=64,
        train_dataset=Dataset.from_list([vars(example) for example in examples]),
        peft_config=lora if reference == "lora" else None,
    )


def batch_of(trainer: Any) -> dict[str, torch.Tensor]:
    """The whole dataset as one batch, in its own order."""
    return trainer.data_collator(list(trainer.train_dataset))  # type: ignore[no-any-return]


def naive_log_prob(model: PreTrainedModel, prompt: list[int], completion: list[int]) -> float:
    """log p(completion | prompt) by the model's own forward, one pair at a time, without padding or masks."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([prompt]), labels=torch.tensor([completion])).logits[0]
    return float(logits.log_softmax(-1)[range(len(completion)), completion].sum())


@pytest.mark.parametrize("reference", ["lora", "separate", "precomputed"])
def test_the_first_loss_is_ln_2_in_training_mode(
    each_t5: Path, examples: list[PreferenceExample], tmp_path: Path, reference: str
) -> None:
    """Policy and reference model start equal, so the margin is 0 and the loss -log sigmoid(0); dropout would show."""
    trainer = build(each_t5, examples, tmp_path, reference=reference)
    trainer.model.train()

    loss = trainer.compute_loss(trainer.model, batch_of(trainer))

    assert float(loss.detach()) == pytest.approx(math.log(2), abs=1e-6)


def test_log_probabilities_are_those_of_a_plain_t5(
    each_t5: Path, examples: list[PreferenceExample], tmp_path: Path
) -> None:
    trainer = build(each_t5, examples, tmp_path)
    batch = batch_of(trainer)
    chosen, rejected = trainer.compute_ref_log_probs(trainer.model, batch)

    plain = load_model(each_t5)
    for row, log_p_chosen, log_p_rejected in zip(trainer.train_dataset, chosen, rejected, strict=True):
        assert float(log_p_chosen) == pytest.approx(
            naive_log_prob(plain, row["prompt_ids"], row["chosen_ids"]), abs=1e-5
        )
        assert float(log_p_rejected) == pytest.approx(
            naive_log_prob(plain, row["prompt_ids"], row["rejected_ids"]), abs=1e-5
        )


def test_the_loss_is_equation_7_worked_by_hand(
    each_t5: Path, examples: list[PreferenceExample], tmp_path: Path
) -> None:
    """Policy and reference model are two different T5s here, so that no term vanishes."""
    trainer = build(each_t5, examples, tmp_path, reference="separate")
    with torch.no_grad():
        for weight in trainer.model.parameters():
            weight.add_(torch.randn_like(weight) * 0.05)

    loss = float(trainer.compute_loss(trainer.model, batch_of(trainer)).detach())

    policy, reference = load_model(each_t5), load_model(each_t5)
    policy.load_state_dict(trainer.model.state_dict())
    by_hand = []
    for row in trainer.train_dataset:
        chosen_ratio = naive_log_prob(policy, row["prompt_ids"], row["chosen_ids"]) - naive_log_prob(
            reference, row["prompt_ids"], row["chosen_ids"]
        )
        rejected_ratio = naive_log_prob(policy, row["prompt_ids"], row["rejected_ids"]) - naive_log_prob(
            reference, row["prompt_ids"], row["rejected_ids"]
        )
        margin = BETA * (chosen_ratio - rejected_ratio)
        by_hand.append(math.log(1 + math.exp(-margin)))  # -log sigmoid(margin)
    assert abs(by_hand[0] - math.log(2)) > 1e-3  # the two models do differ
    assert loss == pytest.approx(sum(by_hand) / len(by_hand), abs=1e-5)


def test_what_pairs_share_is_computed_once_and_padding_never(tiny_t5: Path, tmp_path: Path) -> None:
    """A click with three cards: two pairs, but one prompt, and three texts rather than four."""
    clicks = [
        PreferenceExample("you are stupid", "you are wrong", "you are a moron"),
        PreferenceExample("you are stupid", "you are wrong", "you are trash , you moron"),
        PreferenceExample("stop", "please stop it now", "stop"),
    ]
    trainer = build(tiny_t5, clicks, tmp_path, reference="precomputed")
    encoded: list[int] = []
    decoded: list[int] = []
    for stack, seen in ((trainer.model.encoder, encoded), (trainer.model.decoder, decoded)):
        stack.block[0].layer[0].SelfAttention.q.register_forward_hook(
            lambda module, args, output, seen=seen: seen.append(len(args[0]))
        )

    trainer.compute_loss(trainer.model, batch_of(trainer))

    rows = list(trainer.train_dataset)
    prompts = {tuple(row["prompt_ids"]) for row in rows}
    texts = {(tuple(row["prompt_ids"]), tuple(row[part])) for row in rows for part in ("chosen_ids", "rejected_ids")}
    assert (len(prompts), len(texts)) == (2, 5)
    assert encoded == [sum(map(len, prompts))]
    assert decoded == [sum(len(text) for _, text in texts)]


@pytest.mark.parametrize(
    "settings",
    [
        {"loss_type": ["sigmoid"]},
        {"loss_type": ["ipo"]},
        {"loss_type": ["hinge"]},
        {"loss_type": ["robust"], "label_smoothing": 0.1},
        {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.1]},
        {"loss_type": ["sigmoid"], "use_weighting": True},
        {"loss_type": ["sigmoid"], "ld_alpha": 0.5},
    ],
    ids=lambda settings: "+".join(settings["loss_type"] + [name for name in settings if name != "loss_type"]),
)
def test_margins_rise_with_every_kind_of_loss(
    tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path, settings: dict[str, Any]
) -> None:
    trainer = build(tiny_t5, examples, tmp_path, learning_rate=1e-2, max_steps=6, logging_steps=1, **settings)

    trainer.train()

    margins = [row["rewards/margins"] for row in trainer.state.log_history if "rewards/margins" in row]
    assert margins[0] == pytest.approx(0, abs=1e-5)
    assert margins[-1] > 0.05


def test_what_people_wrote_is_made_likelier_too(
    tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path
) -> None:
    written = [replace(example, written=number < 2) for number, example in enumerate(examples)]
    plain, other = build(tiny_t5, examples, tmp_path / "a"), build(tiny_t5, written, tmp_path / "b")
    losses = [float(trainer.compute_loss(trainer.model, batch_of(trainer)).detach()) for trainer in (plain, other)]
    model, tokenizer = load_model(tiny_t5), load_tokenizer(tiny_t5)
    surprise = [
        -sequence_log_probs(model, tokenizer, [one.prompt], [one.chosen])[0] / len(encode(tokenizer, one.chosen))
        for one in written[:2]
    ]
    assert losses[1] - losses[0] == pytest.approx(WRITTEN_WEIGHT * sum(surprise) / len(examples), rel=1e-4)


def test_training_hears_what_people_wrote(tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path) -> None:
    written = [replace(example, written=number < 2) for number, example in enumerate(examples)]
    batches = list(build(tiny_t5, written, tmp_path).get_train_dataloader())
    assert sum(int(batch[WRITTEN].sum()) for batch in batches) == 2


def test_prompt_and_completions_end_with_exactly_one_eos(tiny_t5: Path, tmp_path: Path) -> None:
    spelled_out = [PreferenceExample("stop it </s> now </s>", "please </s>", "no " * 200)]

    (row,) = build(tiny_t5, spelled_out, tmp_path).train_dataset

    eos = load_tokenizer(tiny_t5).eos_token_id
    for ids in (row["prompt_ids"], row["chosen_ids"], row["rejected_ids"]):
        assert ids.count(eos) == 1
        assert ids[-1] == eos
    assert len(row["rejected_ids"]) == 64  # cut to the limit, and still closed


def test_a_batch_holds_prompts_once_and_completions_chosen_first() -> None:
    collator = PreferenceCollator(pad_token_id=0, decoder_start_token_id=0)

    batch = collator(
        [
            {"prompt_ids": [5, 6, 1], "chosen_ids": [7, 1], "rejected_ids": [8, 9, 1]},
            {"prompt_ids": [5, 1], "chosen_ids": [4, 1], "rejected_ids": [1]},
        ]
    )

    assert batch["prompt_input_ids"].tolist() == [[5, 6, 1], [5, 1, 0]]
    assert batch["prompt_attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert batch["input_ids"].tolist() == [[0, 7, 1, 0], [0, 4, 1, 0], [0, 8, 9, 1], [0, 1, 0, 0]]
    assert batch["completion_mask"].tolist() == [[0, 1, 1, 0], [0, 1, 1, 0], [0, 1, 1, 1], [0, 1, 0, 0]]


def test_token_statistics_of_two_equal_halves_worked_by_hand() -> None:
    """Of four tokens two have log-odds 0 and two log-odds minus infinity, nearly: p = (1/2, 1/2, 0, 0)."""
    logits = torch.tensor([[[0.0, 0.0, -30.0, -30.0], [9.0, 9.0, 9.0, 9.0]]])
    labels = torch.tensor([[1, -100]])

    statistics: Any = token_statistics(logits, labels, ("entropy", "mean_logits", "is_top1", "log_sum_sq_probs"))

    assert statistics.log_probs.tolist()[0] == pytest.approx([math.log(1 / 2), 0])
    assert statistics.entropy.tolist()[0] == pytest.approx([math.log(2), 0])
    assert statistics.mean_logits.tolist()[0] == pytest.approx([-15, 0])
    assert statistics.log_sum_sq_probs.tolist()[0] == pytest.approx([math.log(1 / 4 + 1 / 4), 0])
    assert statistics.is_top1.tolist() == [[False, False]]  # token 0 is as likely and comes first


def test_generation_still_works_with_the_head_in_place(tiny_t5: Path) -> None:
    model: Any = load_model(tiny_t5)
    tokenizer = load_tokenizer(tiny_t5)
    prompt = torch.tensor([encode(tokenizer, "you are stupid")])
    before = model.generate(prompt, max_new_tokens=8)

    add_seq2seq_head(model)

    assert model.generate(prompt, max_new_tokens=8).tolist() == before.tolist()


def test_trl_still_has_the_two_names_this_adapter_leans_on() -> None:
    """When this fails after an upgrade of TRL, read its dpo_trainer.py again before touching anything else."""
    source = inspect.getsource(DPOTrainer.__init__)
    assert callable(getattr(dpo_trainer, TRL_HEAD))
    assert source.count("add_fused_lm_head(") == 2  # the policy with more outputs, then the reference model
    assert "outputs=outputs" in source
    assert list(inspect.signature(DPOTrainer._prepare_dataset).parameters) == [
        "self",
        "dataset",
        "processing_class",
        "args",
        "dataset_name",
    ]
    assert "fused_lm_head=True" in inspect.getsource(DPOTrainer._compute_loss)
    assert {"log_probs", "entropy", "mean_logits", "is_top1", "log_sum_sq_probs", "label_mask"} <= set(
        FusedCausalLMOutput.__dataclass_fields__
    )


def test_trl_gets_its_own_head_back(tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path) -> None:
    own = getattr(dpo_trainer, TRL_HEAD)

    build(tiny_t5, examples, tmp_path)
    assert getattr(dpo_trainer, TRL_HEAD) is own

    with pytest.raises(ValueError, match="exo_pair"):  # TRL refuses exo_pair without label smoothing
        build(tiny_t5, examples, tmp_path, loss_type=["exo_pair"])
    assert getattr(dpo_trainer, TRL_HEAD) is own
