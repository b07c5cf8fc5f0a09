"""The listwise loss: worked by hand, held against a naive computation and against pairs, and learned from."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset

from models.settings.clicks import DPOClickOptions
from tests.tiny.llama import build_tiny_llama
from tests.worker.conftest import RecordingProgress
from tests.worker.training.methods.conftest import trainer_of
from tests.worker.training.t5.test_dpo_speed import build
from worker.training.clicks.click_dpo import train_dpo
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.progress import SilentProgress
from worker.training.shared.quiet_libraries import quiet
from worker.training.t5.listwise import Lists, first_place_loss, preference_lists

LISTS_OF_CLICKS = [[0, 1], [2], [3], [4, 5, 6], [7]]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield


def tokens(*rows: tuple[int | None, int, int, int]) -> Dataset:
    """Pairs whose texts are one token each: click, prompt, chosen, rejected."""
    return Dataset.from_list(
        [
            {"click": click, "prompt_ids": [prompt], "chosen_ids": [chosen], "rejected_ids": [rejected]}
            for click, prompt, chosen, rejected in rows
        ]
    )


def whole_batch(trainer: Any) -> dict[str, Any]:
    return trainer.data_collator(list(trainer.train_dataset))  # type: ignore[no-any-return]


def test_the_loss_is_that_of_the_first_place_worked_by_hand() -> None:
    """r = (1, 0, -1) gives p = e / (e + 1 + 1/e); the second list is a pair with r = (2, 0)."""
    loss = first_place_loss(torch.tensor([1.0, 2.0, 2.0]), torch.tensor([0, 0, 1]))

    three, two = math.e / (math.e + 1 + 1 / math.e), math.exp(2) / (math.exp(2) + 1)
    assert float(loss) == pytest.approx(-(math.log(three) + math.log(two)) / 2)


def test_no_advantage_is_too_large() -> None:
    advantages = torch.tensor([900.0, -900.0], requires_grad=True)

    loss = first_place_loss(advantages, torch.tensor([0, 1]))
    loss.backward()  # type: ignore[no-untyped-call]

    assert float(loss.detach()) == 450
    assert advantages.grad is not None
    assert advantages.grad.tolist() == [0, -0.5]


def test_pairs_of_one_click_are_a_list_wherever_they_stand() -> None:
    """Two people judged the same screen alike: clicks 1 and 2. Of a tie, click 3, each chosen text has its own list."""
    pairs = tokens((1, 5, 6, 7), (2, 5, 6, 7), (1, 5, 6, 8), (2, 5, 6, 8), (3, 5, 6, 8), (3, 5, 7, 8))

    assert preference_lists(pairs) == [[0, 2], [1, 3], [4], [5]]


def test_without_clicks_neighbours_with_the_same_prompt_and_chosen_text_are_a_list() -> None:
    pairs = tokens((None, 5, 6, 7), (None, 5, 6, 8), (None, 5, 6, 7), (None, 9, 6, 7), (None, 9, 8, 7), (None, 5, 6, 8))

    assert preference_lists(pairs) == [[0, 1], [2], [3], [4], [5]]
    assert preference_lists(pairs.remove_columns("click")) == preference_lists(pairs)


def test_a_batch_has_whole_lists_and_as_many_pairs_as_were_asked_for_on_average() -> None:
    lists = Lists(tokens(*((click, click, 2, rejected) for click in range(20) for rejected in (3, 4))))

    assert [len(pairs) for pairs in lists] == [2] * 20
    assert (lists.in_a_batch(8), lists.in_a_batch(1), lists.in_a_batch(3)) == (4, 1, 2)


@pytest.mark.parametrize("accumulated", [1, 3])
def test_training_tears_no_list(tiny_t5: Path, tmp_path: Path, accumulated: int) -> None:
    trainer = build(
        tiny_t5,
        tmp_path,
        lora=True,
        loss_type=["listwise"],
        per_device_train_batch_size=2,
        gradient_accumulation_steps=accumulated,
    )

    sizes = []
    for batch in trainer.get_train_dataloader():
        pairs = batch["list_of_pair"].tolist()
        sizes += [pairs.count(number) for number in set(pairs)]

    assert sorted(sizes) == sorted(len(pairs) for pairs in LISTS_OF_CLICKS)


@pytest.mark.parametrize("lora", [False, True], ids=["all weights", "LoRA"])
def test_loss_and_gradients_equal_a_naive_computation_of_each_list(each_t5: Path, tmp_path: Path, lora: bool) -> None:
    trainer = build(each_t5, tmp_path, lora=lora, loss_type=["listwise"])
    batch = whole_batch(trainer)
    trainer.model.train()
    loss = trainer.compute_loss(trainer.model, batch)
    loss.backward()
    gradients = {name: w.grad.clone() for name, w in trainer.model.named_parameters() if w.grad is not None}
    trainer.model.zero_grad()

    def log_p(model: Any, row: dict[str, Any], part: str) -> torch.Tensor:
        labels = torch.tensor([row[f"{part}_ids"]])
        scores = model(input_ids=torch.tensor([row["prompt_ids"]]), labels=labels).logits[0].log_softmax(-1)
        return scores.gather(-1, labels.T).sum()  # type: ignore[no-any-return]

    def reward(row: dict[str, Any], part: str) -> torch.Tensor:
        with torch.no_grad():
            if lora:
                with trainer.model.disable_adapter():
                    reference = log_p(trainer.model, row, part)
            else:
                reference = log_p(trainer.ref_model, row, part)
        return trainer.beta * (log_p(trainer.model, row, part) - reference)  # type: ignore[no-any-return]

    rows = [row for pairs in trainer.train_dataset for row in pairs]
    losses = []
    for numbers in LISTS_OF_CLICKS:
        chosen = reward(rows[numbers[0]], "chosen")
        rewards = torch.stack([chosen, *(reward(rows[number], "rejected") for number in numbers)])
        losses.append(-torch.log(rewards.exp()[0] / rewards.exp().sum()))
    naive = torch.stack(losses).mean()
    naive.backward()  # type: ignore[no-untyped-call]

    assert float(loss.detach()) == pytest.approx(float(naive.detach()), abs=1e-5)
    largest = max(float(gradient.abs().max()) for gradient in gradients.values())
    assert largest > 1e-3
    for name, weight in trainer.model.named_parameters():
        if weight.requires_grad:
            assert torch.allclose(weight.grad, gradients[name], rtol=1e-3, atol=1e-5 * max(1, largest)), name


@pytest.mark.parametrize("model", ["t5", "llama"])
def test_lists_of_two_are_pairs_to_the_last_bit(model: str, tiny_t5: Path, tmp_path: Path) -> None:
    source = tiny_t5 if model == "t5" else build_tiny_llama(tmp_path / "llama", chat=False)
    rows = [
        {"prompt": f"you are {word}", "chosen": "you are wrong", "rejected": f"you {word}"}
        for word in ("stupid", "trash", "bad")
    ]

    def seen(loss_type: str) -> tuple[float, list[torch.Tensor]]:
        trainer: Any = trainer_of("dpo", source, tmp_path / loss_type, rows, loss_type=[loss_type], beta=0.7)
        torch.manual_seed(1)
        with torch.no_grad():
            for weight in trainer.model.parameters():
                weight.add_(torch.randn_like(weight) * 0.05)
        loss = trainer.compute_loss(trainer.model.train(), whole_batch(trainer))
        loss.backward()
        return float(loss.detach()), [w.grad for w in trainer.model.parameters() if w.grad is not None]

    (loss, gradients), (pairwise, pairwise_gradients) = seen("listwise"), seen("sigmoid")

    assert loss == pairwise != math.log(2)
    assert all(torch.equal(one, other) for one, other in zip(gradients, pairwise_gradients, strict=True))


def test_it_adds_to_other_losses_by_its_weight_and_leaves_the_metrics_as_they_are(
    tiny_t5: Path, tmp_path: Path
) -> None:
    seen = {}
    wanted: dict[str, dict[str, Any]] = {
        "listwise": {"loss_type": ["listwise"]},
        "sft": {"loss_type": ["sft"]},
        "both": {"loss_type": ["sft", "listwise"], "loss_weights": [0.25, 2.0]},
    }
    for name, settings in wanted.items():
        trainer = build(tiny_t5, tmp_path / name, lora=True, **settings)
        batch = whole_batch(trainer)
        loss = float(trainer.compute_loss(trainer.model.train(), batch).detach())
        metrics = {key: values[0] for key, values in trainer._metrics["train"].items()}
        seen[name] = loss, metrics

    assert seen["both"][0] == pytest.approx(2 * seen["listwise"][0] + 0.25 * seen["sft"][0], rel=1e-5)
    for metrics in (seen["listwise"][1], seen["both"][1]):
        assert metrics == pytest.approx(seen["sft"][1], rel=1e-4)


@pytest.mark.parametrize(
    ("precompute", "bf16"),
    [(True, True), (False, False), pytest.param(True, False, marks=pytest.mark.slow)],
)
def test_clicks_on_one_of_three_are_learned(tiny_t5: Path, tmp_path: Path, precompute: bool, bf16: bool) -> None:
    """The first loss is ln 3, of three equal cards; afterwards the chosen one is well ahead of both others."""
    cards = {
        "you are stupid": ("you are wrong", "you are a moron", "you damn idiot"),
        "stop": ("please stop it now", "stop it", "stop it you idiot"),
        "damn , this movie is trash !": ("this movie is not good", "this movie is trash", "trash !"),
    }
    examples = [
        PreferenceExample(prompt, chosen, rejected, click)
        for click, (prompt, (chosen, *others)) in enumerate(cards.items())
        for rejected in others
    ]
    recipe = DPOClickOptions(
        loss_type=("listwise",),
        learning_rate=5e-3,
        num_train_epochs=8,
        per_device_train_batch_size=4,
        anchor_weight=1.0,
        logging_steps=1000,
        precompute_ref_log_probs=precompute,
        bf16=bf16,
    )

    once = train_dpo(tiny_t5, examples, recipe, tmp_path / "once", SilentProgress())
    each = RecordingProgress()
    result = train_dpo(
        tiny_t5, examples, DPOClickOptions(**{**vars(recipe), "logging_steps": 1}), tmp_path / "each", each
    )

    assert once.steps == result.steps == len(each.reports) == 16  # three clicks, two in a batch of four pairs
    assert each.reports[0][1]["loss"] == pytest.approx(math.log(3), abs=1e-2 if bf16 else 1e-4)
    assert each.reports[-1][1]["loss"] < 0.8
    assert result.reward_accuracy == 1
    assert once.train_loss == pytest.approx(result.train_loss, abs=1e-2 if bf16 else 1e-4)


@pytest.mark.parametrize("setting", [{"use_weighting": True}, {"ld_alpha": 0.5}], ids=["use_weighting", "ld_alpha"])
def test_what_is_of_pairs_is_refused(tiny_t5: Path, tmp_path: Path, setting: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError, match=r"^The listwise loss takes neither use_weighting nor ld_alpha, which are of pairs\.$"
    ):
        build(tiny_t5, tmp_path, lora=True, loss_type=["listwise"], **setting)


def test_a_tie_and_an_edit_are_lists_of_their_own_size(tiny_t5: Path, tmp_path: Path) -> None:
    trainer = build(tiny_t5, tmp_path, lora=True, loss_type=["listwise"])

    assert trainer.train_dataset.lists == LISTS_OF_CLICKS
