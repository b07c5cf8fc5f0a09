"""A row counts in the loss as much as it weighs: held against naive computations in double precision."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from models.settings.losses import LOSS_TYPES
from tests.worker.conftest import RecordingProgress
from tests.worker.training.methods.conftest import PREFERENCES, Row, options_of, trainer_of, unpaired
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.methods import method_of
from worker.training.run.data import TrainingData
from worker.training.run.runner import train
from worker.training.shared.quiet_libraries import quiet
from worker.training.shared.training_errors import DatasetError
from worker.training.t5.pair_weights import MIXING

WEIGHTS = (1.0, 0.25, 0.0, 0.8, 1.75)
BETA = 0.5
OF_PAIRS = [loss for loss in LOSS_TYPES if loss not in (*MIXING, "sft", "listwise")]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield


@pytest.fixture(params=["t5", "llama"])
def source(request: pytest.FixtureRequest, tiny_t5: Path, tiny_llama: Path) -> Path:
    """An encoder-decoder, whose trainers are ours, and a decoder-only model, whose trainers are TRL's."""
    return {"t5": tiny_t5, "llama": tiny_llama}[request.param]


def weighed(rows: Sequence[Row], weights: Sequence[float] = WEIGHTS) -> list[Row]:
    return [{**row, "weight": weight} for row, weight in zip(rows, weights, strict=False)]


def moved(method: str, source: Path, tmp_path: Path, rows: Sequence[Row], **settings: Any) -> Any:
    """A trainer whose policy has left its reference, so that no term of a loss vanishes."""
    trainer = trainer_of(method, source, tmp_path, rows, beta=BETA, **settings)
    torch.manual_seed(3)
    with torch.no_grad():
        for weight in trainer.model.parameters():
            weight.add_(torch.randn_like(weight) * 0.02)
    trainer.model.train()
    return trainer


def loss_of(trainer: Any, rows: Sequence[Row] | None = None) -> Tensor:
    """The loss of some rows of the trainer's data, or of all of them, as one batch."""
    batch = trainer.data_collator(list(trainer.train_dataset if rows is None else rows))
    return trainer.compute_loss(trainer.model, batch)  # type: ignore[no-any-return]


def gradients(trainer: Any, loss: Tensor) -> list[Tensor]:
    trainer.model.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    return [weight.grad.clone() for weight in trainer.model.parameters() if weight.grad is not None]


class Naive:
    """Log-probabilities of each text alone, by plain models in double precision."""

    def __init__(self, trainer: Any, source: Path) -> None:
        self.seq2seq = trainer.model.config.is_encoder_decoder
        self.policy: Any = load_model_and_tokenizer(source).model
        self.policy.load_state_dict(trainer.model.state_dict())
        self.policy = self.policy.double()
        self.reference: Any = load_model_and_tokenizer(source).model.double()

    def by_token(self, model: Any, prompt: list[int], completion: list[int]) -> Tensor:
        if self.seq2seq:
            scores = model(input_ids=torch.tensor([prompt]), labels=torch.tensor([completion])).logits[0]
        else:
            scores = model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1]
        found: Tensor = scores.log_softmax(-1)[range(len(completion)), completion]
        return found

    def reward(self, row: dict[str, Any], text: str) -> Tensor:
        """Of a text: log p - log p_ref, in nats."""
        prompt, ids = row["prompt_ids"], row[text]
        with torch.no_grad():
            reference = self.by_token(self.reference, prompt, ids).sum()
        return self.by_token(self.policy, prompt, ids).sum() - reference

    def check(self, trainer: Any, naive: Tensor) -> None:
        """Compare the trainer's loss and gradients with the naive ones."""
        loss = loss_of(trainer)
        found = gradients(trainer, loss)
        naive.backward()  # type: ignore[no-untyped-call]
        assert float(loss.detach()) == pytest.approx(float(naive.detach()), abs=2e-6)
        expected = [weight.grad for weight in self.policy.parameters() if weight.grad is not None]
        largest = max(float(gradient.abs().max()) for gradient in expected)
        for gradient, exact in zip(found, expected, strict=True):
            assert float((gradient - exact).abs().max()) < 2e-5 * largest


def test_each_pair_of_dpo_counts_as_much_as_it_weighs(source: Path, tmp_path: Path) -> None:
    """Rafailov et al. 2023, eq. 7, pair by pair."""
    trainer = moved("dpo", source, tmp_path, weighed(PREFERENCES[:5]))
    naive = Naive(trainer, source)
    losses = [
        -functional.logsigmoid(BETA * (naive.reward(row, "chosen_ids") - naive.reward(row, "rejected_ids")))
        for row in trainer.train_dataset
    ]
    naive.check(trainer, sum(w * loss for w, loss in zip(WEIGHTS, losses, strict=True)) / 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("precompute", [False, True])
def test_a_list_counts_as_the_mean_of_its_pairs(source: Path, tmp_path: Path, precompute: bool) -> None:
    """The chosen text of the first list stands against two others, which weigh 1 and a half."""
    first, second = PREFERENCES[:2]
    rows = weighed([first, {**first, "rejected": "you damn idiot"}, second], (1.0, 0.5, 0.25))
    trainer = moved("dpo", source, tmp_path, rows, loss_type=["listwise"], precompute_ref_log_probs=precompute)
    naive = Naive(trainer, source)
    losses = []
    for pairs in trainer.train_dataset:
        rewards = [naive.reward(pairs[0], "chosen_ids"), *(naive.reward(row, "rejected_ids") for row in pairs)]
        losses.append(-(BETA * torch.stack(rewards)).log_softmax(0)[0])
    naive.check(trainer, (0.75 * losses[0] + 0.25 * losses[1]) / 2)


@pytest.mark.parametrize("loss_type", OF_PAIRS)
def test_every_loss_of_pairs_is_weighed(tiny_t5: Path, tmp_path: Path, loss_type: str) -> None:
    """Each pair alone, without weights, against all of them with weights."""
    settings: dict[str, Any] = {"loss_type": [loss_type], "label_smoothing": 0.01 if loss_type == "exo_pair" else 0.0}
    alone = moved("dpo", tiny_t5, tmp_path / "alone", PREFERENCES[:5], **settings)
    losses = [float(loss_of(alone, [row]).detach()) for row in alone.train_dataset]
    trainer = moved("dpo", tiny_t5, tmp_path / "weighed", weighed(PREFERENCES[:5]), **settings)

    expected = sum(weight * loss for weight, loss in zip(WEIGHTS, losses, strict=True)) / 5
    assert float(loss_of(trainer).detach()) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_each_token_of_the_likelihood_counts_as_its_pair(source: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.3]}
    trainer = moved("dpo", source, tmp_path, weighed(PREFERENCES[:5]), **settings)
    naive = Naive(trainer, source)
    rows = list(trainer.train_dataset)
    pairs: Any = sum(
        w * -functional.logsigmoid(BETA * (naive.reward(row, "chosen_ids") - naive.reward(row, "rejected_ids")))
        for w, row in zip(WEIGHTS, rows, strict=True)
    )
    nll: Any = sum(
        -w * naive.by_token(naive.policy, row["prompt_ids"], row["chosen_ids"]).sum()
        for w, row in zip(WEIGHTS, rows, strict=True)
    )
    naive.check(trainer, pairs / 5 + 0.3 * nll / sum(len(row["chosen_ids"]) for row in rows))


def test_a_text_that_a_person_wrote_is_learned_as_much_as_its_pair_weighs(tiny_t5: Path, tmp_path: Path) -> None:
    rows = [{**row, "written": place == 1} for place, row in enumerate(weighed(PREFERENCES[:3]))]
    trainer = moved("dpo", tiny_t5, tmp_path, rows)
    plain = moved("dpo", tiny_t5, tmp_path / "plain", weighed(PREFERENCES[:3]))
    row = trainer.train_dataset[1]
    nll = -Naive(trainer, tiny_t5).by_token(trainer.model, row["prompt_ids"], row["chosen_ids"]).mean()

    difference = float(loss_of(trainer).detach()) - float(loss_of(plain).detach())
    assert difference == pytest.approx(3.0 * 0.25 * float(nll.detach()) / 3, abs=1e-5)


def test_both_terms_of_a_pair_of_orpo_count_as_much_as_it_weighs(source: Path, tmp_path: Path) -> None:
    """Hong et al. 2024, eq. 3 to 7; a decoder-only model learns the prompt's tokens, too, all but the first."""
    trainer = moved("orpo", source, tmp_path, weighed(PREFERENCES[:5]))
    naive = Naive(trainer, source)
    likelihood: Any = 0.0
    ratios: Any = 0.0
    tokens = 0
    for weight, row in zip(WEIGHTS, trainer.train_dataset, strict=True):
        prompt, odds = row["prompt_input_ids"], {}
        for name in ("chosen", "rejected"):
            completion = [token for token in row[f"{name}_labels"] if token != -100]
            by_token = naive.by_token(naive.policy, prompt, completion)
            p = by_token.mean().exp()
            odds[name] = (p / (1 - p)).log()
            if name == "chosen":
                whole = prompt + completion
                learned = by_token if naive.seq2seq else naive.by_token(naive.policy, whole[:1], whole[1:])
                likelihood = likelihood - weight * learned.sum()
                tokens += len(learned)
        ratios = ratios - weight * functional.logsigmoid(odds["chosen"] - odds["rejected"])
    naive.check(trainer, likelihood / tokens + BETA * ratios / 5)


def test_each_text_of_kto_counts_as_much_as_it_weighs(source: Path, tmp_path: Path) -> None:
    """Ethayarajh et al. 2024, eq. 8, with unequal weights of good and bad texts; z is a mean over all rows."""
    rows = weighed(unpaired(PREFERENCES[:3]), (1.0, 0.25, 0.0, 0.8, 1.75, 0.5))
    trainer = moved("kto", source, tmp_path, rows, desirable_weight=2.0, undesirable_weight=0.5)
    naive = Naive(trainer, source)
    rows = list(trainer.train_dataset)
    with torch.no_grad():
        z = torch.stack([naive.reward(row, "KL_completion_ids") for row in rows]).mean().clamp(min=0)
    losses: Any = 0.0
    for row in rows:
        over = BETA * (naive.reward(row, "completion_ids") - z)
        of_label = 2.0 if row["label"] else 0.5
        losses = losses + row["weight"] * of_label * (1 - torch.sigmoid(over if row["label"] else -over))
    assert {row["label"] for row in rows} == {True, False}
    naive.check(trainer, losses / len(rows))


def rows_of(method: str) -> list[Row]:
    return unpaired(PREFERENCES[:4]) if method == "kto" else PREFERENCES[:4]


@pytest.mark.parametrize(("method", "loss_type"), [("dpo", "sigmoid"), ("dpo", "listwise"), ("kto", "kto")])
def test_a_batch_of_weights_of_one_has_the_loss_without_weights_to_the_last_bit(
    source: Path, tmp_path: Path, method: str, loss_type: str
) -> None:
    """The trainer knows of weights, since the last row has another; it is not in the batch."""
    rows = rows_of(method)
    settings: dict[str, Any] = {"loss_type": [loss_type] if method == "dpo" else loss_type}
    plain = moved(method, source, tmp_path / "plain", rows, **settings)
    trainer = moved(method, source, tmp_path / "weighed", weighed(rows, [1.0] * (len(rows) - 1) + [0.5]), **settings)
    of_one = [place for place, row in enumerate(trainer.train_dataset) if first_of(row)["weight"] == 1.0]
    assert len(of_one) == len(rows) - 1

    before, after = (loss_of(one, [one.train_dataset[place] for place in of_one]) for one in (plain, trainer))
    assert torch.equal(before, after)
    assert all(
        torch.equal(one, other)
        for one, other in zip(gradients(plain, before), gradients(trainer, after), strict=True)
    )  # fmt: skip


def first_of(item: Any) -> Row:
    """The row that an item of a dataset is, or the first one of a list."""
    row: Row = item[0] if isinstance(item, list) else item
    return row


def trained(method: str, source: Path, folder: Path, rows: Sequence[Row], **settings: Any) -> dict[str, Tensor]:
    """The weights after three steps of two batches each."""
    data = TrainingData(list(rows), [], [], "0", {})
    options = options_of(
        method, max_steps=3, per_device_train_batch_size=2, gradient_accumulation_steps=2, use_peft=False, **settings
    )
    train(method_of(method), str(source), data, options, folder, RecordingProgress())
    return load_model_and_tokenizer(folder / "model").model.state_dict()


@pytest.mark.parametrize("method", ["dpo", "orpo", "kto"])
def test_a_column_of_ones_trains_the_same_weights_to_the_last_bit(source: Path, tmp_path: Path, method: str) -> None:
    rows = rows_of(method)
    plain = trained(method, source, tmp_path / "plain", rows)
    ones = trained(method, source, tmp_path / "ones", weighed(rows, [1.0] * len(rows)))
    halves = trained(method, source, tmp_path / "halves", weighed(rows, [0.5, 1.0] * len(rows)))

    assert all(torch.equal(weight, ones[name]) for name, weight in plain.items())
    assert not all(torch.equal(weight, halves[name]) for name, weight in plain.items())


@pytest.mark.parametrize("method", ["dpo", "orpo", "kto"])
def test_a_row_that_weighs_nothing_is_left_out_up_to_the_number_of_rows(
    source: Path, tmp_path: Path, method: str
) -> None:
    """The chosen texts are equally long, so that ORPO's mean over tokens changes as its mean over pairs does."""
    first, *others = PREFERENCES[:3]
    rows = [first, {**first, "rejected": "you damn idiot"}]
    settings: dict[str, Any] = {}
    if method == "kto":
        rows, settings = unpaired([first, *others]), {"loss_type": "apo_zero_unpaired"}  # without z, a figure of all
    trainer = moved(method, source, tmp_path, weighed(rows, [1.0] * (len(rows) - 1) + [0.0]), **settings)
    left = [row for row in trainer.train_dataset if row["weight"]]
    share = len(left) / len(rows)
    whole, without = loss_of(trainer), loss_of(trainer, left)

    assert float(whole.detach()) == pytest.approx(share * float(without.detach()), rel=1e-5)
    for one, other in zip(gradients(trainer, whole), gradients(trainer, without), strict=True):
        assert torch.allclose(one, share * other, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("method", ["dpo", "kto"])
def test_batches_that_are_accumulated_add_up_to_the_loss_of_one_batch(
    source: Path, tmp_path: Path, method: str
) -> None:
    """A batch of two that count little and one of two that count much, each divided by its rows, not its weights."""
    rows = rows_of(method)[:4]
    settings = {"loss_type": "apo_zero_unpaired"} if method == "kto" else {}
    trainer = moved(method, source, tmp_path, weighed(rows, (0.1, 0.1, 1.0, 1.0)), **settings)
    all_rows = list(trainer.train_dataset)
    parts = [float(loss_of(trainer, all_rows[place : place + 2]).detach()) for place in (0, 2)]

    assert sum(parts) / 2 == pytest.approx(float(loss_of(trainer).detach()), rel=1e-6)


def test_rewards_margins_and_accuracy_are_not_weighted(source: Path, tmp_path: Path) -> None:
    seen = []
    for name, rows in (("plain", PREFERENCES[:5]), ("weighed", weighed(PREFERENCES[:5]))):
        trainer = moved("dpo", source, tmp_path / name, rows)
        loss_of(trainer)
        seen.append({key: values[0] for key, values in trainer._metrics["train"].items()})

    assert seen[0] == seen[1]


@pytest.mark.parametrize("loss_type", MIXING)
def test_a_loss_that_compares_pairs_with_each_other_takes_no_weights(
    tiny_t5: Path, tmp_path: Path, loss_type: str
) -> None:
    with pytest.raises(DatasetError, match=rf"^The loss {loss_type} compares the pairs of a batch with each other"):
        trainer_of("dpo", tiny_t5, tmp_path, weighed(PREFERENCES[:5]), loss_type=[loss_type])
    trainer_of("dpo", tiny_t5, tmp_path, weighed(PREFERENCES[:5], [1.0] * 5), loss_type=[loss_type])


def test_held_out_rows_weigh_in_the_held_out_loss(tiny_t5: Path, tmp_path: Path) -> None:
    trainer = moved("dpo", tiny_t5, tmp_path, weighed(PREFERENCES[:5]))
    rows = copy.copy(trainer.train_dataset)
    evaluated = trainer.evaluate(rows)

    assert evaluated["eval_loss"] == pytest.approx(float(loss_of(trainer).detach()), rel=1e-5)
