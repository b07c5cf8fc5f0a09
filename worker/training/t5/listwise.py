"""The listwise loss of DPO: the chosen text against all rejected texts of the same screen at once.

In the model of Plackett (1975) and Luce (1959) a person picks y_w from a list with its softmax probability. Rafailov et
al. (2023, appendix A.3) put DPO's reward into it; where only the first place is known, as after a click, their eq. 20
becomes

    loss = -log( exp(r_w) / (exp(r_w) + sum_j exp(r_j)) ),      r = beta * (log p - log p_ref)

averaged over the lists of a batch (Liu et al. 2024 call it the softmax loss). With one rejected text it equals the
pairwise loss, to the last bit. A list's gradient is divided among the rejected texts by their probabilities of being
picked, whereas pairs push each rejected text away as if it were alone.

`ListwiseDPOTrainer` adds it to TRL's loss types under the name `listwise`. TRL computes the other losses and every
metric, on pairs, as without it. It relies, as the tests verify, on TRL's attributes `loss_types`, `loss_weights` and
`precompute_ref_logps`, on TRL's loss calling the policy first, and on transformers' `_train_batch_size`. Pairs may have
weights (pair_weights.py); a list counts as the mean of its pairs' weights, because it is one loss for all of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from torch.nn import functional
from torch.utils import data
from trl.trainer.dpo_config import DPOConfig

from models.settings.losses import LISTWISE
from worker.training.distributed.batches import weight_of
from worker.training.shared.examples import WEIGHT
from worker.training.t5.pair_weights import FirstOutput, WeightedDPOTrainer

CLICK = "click"
"""The column with the click that a pair came from, where it is known."""

Pair = dict[str, Any]


def first_place_loss(advantages: Tensor, list_of_pair: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return -log p(the chosen text comes first) in nats, averaged over the lists.

    `advantages` (N) is r_w - r_j of each pair, `list_of_pair` (N) the number of its list, from 0 on without a gap. With
    the pairs' `weights` (N), the loss of each list counts as the mean weight of its pairs.
    """
    lists = torch.arange(int(list_of_pair.max()) + 1, device=list_of_pair.device)
    own = list_of_pair == lists[:, None]
    against = torch.where(own, -advantages, -torch.inf).logsumexp(-1)  # exact for a list of one pair
    losses = -functional.logsigmoid(-against)
    if weights is not None:
        losses = losses * ((own * weights).sum(-1) / own.sum(-1))
    return losses.mean()


def preference_lists(pairs: Dataset) -> list[list[int]]:
    """Return the lists of tokenized `pairs`, as row numbers: pairs with the same prompt, chosen text and click.

    Where the click is unknown, adjacent rows with the same prompt and chosen text form a list, until a rejected text
    repeats. A tie of two texts over a third makes two lists, one for each chosen text.
    """
    lists: list[list[int]] = []
    list_of_key: dict[object, list[int]] = {}
    clicks = pairs[CLICK] if CLICK in pairs.column_names else [None] * len(pairs)
    before: tuple[object, ...] = ()
    rejected_before: set[tuple[int, ...]] = set()
    texts = (pairs[f"{part}_ids"] for part in ("prompt", "chosen", "rejected"))
    for row, (click, prompt, chosen, rejected) in enumerate(zip(clicks, *texts, strict=True)):
        key = (click, tuple(prompt), tuple(chosen))
        if click is not None:
            if key not in list_of_key:
                lists.append(list_of_key.setdefault(key, []))
            list_of_key[key].append(row)
        elif key == before and tuple(rejected) not in rejected_before:
            lists[-1].append(row)
            rejected_before.add(tuple(rejected))
        else:
            lists.append([row])
            rejected_before = {tuple(rejected)}
        before = key
    return lists


class Lists(data.Dataset[list[Pair]]):
    """Dataset of tokenized `pairs` with a list as one item, so that batching and shuffling never split a list."""

    def __init__(self, pairs: Dataset) -> None:
        self.pairs = pairs
        self.lists = preference_lists(pairs)

    def __len__(self) -> int:
        return len(self.lists)

    def __getitem__(self, number: int) -> list[Pair]:
        return [self.pairs[row] for row in self.lists[number]]

    def __iter__(self) -> Iterator[list[Pair]]:
        return (self[number] for number in range(len(self)))

    def in_a_batch(self, pairs: int) -> int:
        """Return the number of lists that hold `pairs` pairs on average; at least one."""
        return max(1, round(pairs * len(self.lists) / len(self.pairs)))


class ListCollator:
    """Collates lists with `collate`, a collator of pairs; adds `list_of_pair` (N), the list number of each pair."""

    def __init__(self, collate: Any) -> None:
        self.collate = collate

    def __call__(self, lists: Sequence[Sequence[Pair]]) -> dict[str, Tensor]:
        """Collate the pairs of all lists, one list after another."""
        batch: dict[str, Tensor] = self.collate([pair for pairs in lists for pair in pairs])
        batch["list_of_pair"] = torch.tensor([number for number, pairs in enumerate(lists) for _ in pairs])
        return batch


class ListwiseDPOTrainer(WeightedDPOTrainer):
    """TRL's `DPOTrainer` with weights and the additional loss type `listwise`; without both it behaves like TRL's.

    With it a sample is a list: a batch holds as many lists as have `per_device_train_batch_size` pairs on average,
    rounded. The held-out rows are those given to the constructor.

    Raises `ValueError` for `use_weighting` or `ld_alpha` with it: both are defined for pairs.
    """

    def __init__(self, model: Any, ref_model: Any = None, *, args: DPOConfig, **kwargs: Any) -> None:
        losses = list(args.loss_type)
        if LISTWISE in losses and (args.use_weighting or args.ld_alpha is not None):
            raise ValueError("The listwise loss takes neither use_weighting nor ld_alpha, which are of pairs.")
        super().__init__(model, ref_model, args=args, **kwargs)
        self.listwise_weight = self.take_over(LISTWISE)
        if self.listwise_weight:
            self.precompute_ref_logps = True  # TRL then reads them from the batch: see compute_loss
            self.data_collator = ListCollator(self.data_collator)
            self._make_lists()

    def _make_lists(self) -> None:
        training_lists = Lists(self.train_dataset)
        self.train_dataset = training_lists
        self.args.per_device_train_batch_size = training_lists.in_a_batch(self.args.per_device_train_batch_size)
        self._train_batch_size = self.args.train_batch_size  # transformers copies it in the constructor
        if isinstance(self.eval_dataset, Dataset):
            held_out = Lists(self.eval_dataset)
            self.eval_dataset = held_out
            self.args.per_device_eval_batch_size = held_out.in_a_batch(self.args.per_device_eval_batch_size)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Add the listwise loss of the same log-probabilities to TRL's losses and metrics."""
        if not self.listwise_weight:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        batch = dict(inputs)
        list_of_pair = batch.pop("list_of_pair")
        if "ref_chosen_logps" not in batch:
            scored = {name: values for name, values in batch.items() if name != WEIGHT}
            reference = self.compute_ref_log_probs(self.ref_model or self.model, scored)  # type: ignore[no-untyped-call]
            batch["ref_chosen_logps"], batch["ref_rejected_logps"] = reference
        policy = FirstOutput(model)
        result = super().compute_loss(policy, batch, return_outputs, num_items_in_batch)
        advantages = self.beta * _advantages(policy.output, batch)
        loss = self.listwise_weight * first_place_loss(advantages, list_of_pair, batch.get(WEIGHT))
        loss = loss * weight_of(int(list_of_pair.max()) + 1)
        return (result[0] + loss, result[1]) if return_outputs else result + loss


def _advantages(outputs: Any, batch: Mapping[str, Tensor]) -> Tensor:
    """Return log p / p_ref of the chosen text minus that of the rejected one for each pair (N), in nats."""
    width = batch["completion_mask"].shape[1] - 1
    chosen, rejected = outputs.log_probs[:, -width:].sum(1).chunk(2)
    advantages: Tensor = (chosen - batch["ref_chosen_logps"]) - (rejected - batch["ref_rejected_logps"])
    return advantages
