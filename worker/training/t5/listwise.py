"""The listwise loss of DPO: the chosen text against all that were rejected on the same screen, at once.

Under the model of Plackett (1975) and Luce (1959) a person takes y_w out of a list with the probability of its soft
maximum. Rafailov et al. (2023, appendix A.3) put DPO's reward into it; where the first place alone is known, as after
a click, what remains of their eq. 20 is

    loss = -log( exp(r_w) / (exp(r_w) + sum_j exp(r_j)) ),      r = beta * (log p - log p_ref)

the mean over the lists of a batch (Liu et al. 2024 call it the softmax loss). With one rejected text it is the pairwise
loss, to the last bit. A list's gradient is shared out among the rejected texts by how likely each would have been taken
instead, where pairs push each of them away as if it were alone.

`ListwiseDPOTrainer` adds it to TRL's loss types under the name `listwise`. TRL computes the other losses and every
metric, which are those of the pairs, as without it. Relied on, and held by the tests: TRL's attributes `loss_types`,
`loss_weights` and `precompute_ref_logps`, that its loss calls the policy first, and transformers' `_train_batch_size`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from torch.nn import functional
from torch.utils import data
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer

LISTWISE = "listwise"
"""The name among the loss types."""

CLICK = "click"
"""The column that says which click a pair came from, where that is known."""

Pair = dict[str, Any]


def first_place_loss(advantages: Tensor, list_of_pair: Tensor) -> Tensor:
    """-log p(the chosen text comes first), the mean over the lists, in nats.

    `advantages` (N) is r_w - r_j of each pair, `list_of_pair` (N) the number of its list, from 0 on without a gap.
    """
    lists = torch.arange(int(list_of_pair.max()) + 1, device=list_of_pair.device)
    own = list_of_pair == lists[:, None]
    against = torch.where(own, -advantages, -torch.inf).logsumexp(-1)  # of one pair: its own, exactly
    return -functional.logsigmoid(-against).mean()


def preference_lists(pairs: Dataset) -> list[list[int]]:
    """Which rows of tokenized `pairs` are one list: they share prompt, chosen text and click.

    Where no click is known, rows that follow each other with the same prompt and chosen text are one, until a rejected
    text comes again. A tie of two texts over a third is two lists, one for each that was chosen.
    """
    lists: list[list[int]] = []
    found: dict[object, list[int]] = {}
    clicks = pairs[CLICK] if CLICK in pairs.column_names else [None] * len(pairs)
    before: tuple[object, ...] = ()
    rejected_before: set[tuple[int, ...]] = set()
    texts = (pairs[f"{part}_ids"] for part in ("prompt", "chosen", "rejected"))
    for row, (click, prompt, chosen, rejected) in enumerate(zip(clicks, *texts, strict=True)):
        key = (click, tuple(prompt), tuple(chosen))
        if click is not None:
            if key not in found:
                lists.append(found.setdefault(key, []))
            found[key].append(row)
        elif key == before and tuple(rejected) not in rejected_before:
            lists[-1].append(row)
            rejected_before.add(tuple(rejected))
        else:
            lists.append([row])
            rejected_before = {tuple(rejected)}
        before = key
    return lists


class Lists(data.Dataset[list[Pair]]):
    """Tokenized `pairs` a list at a time, so that nothing that batches, shuffles or shares out can tear one."""

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
        """How many lists have so many pairs on average; at least one."""
        return max(1, round(pairs * len(self.lists) / len(self.pairs)))


class ListCollator:
    """Batches lists by `collate`, which batches pairs; adds `list_of_pair` (N): which of the lists each pair is of."""

    def __init__(self, collate: Any) -> None:
        self.collate = collate

    def __call__(self, lists: Sequence[Sequence[Pair]]) -> dict[str, Tensor]:
        """Collate the pairs of all lists, one list after another."""
        batch: dict[str, Tensor] = self.collate([pair for pairs in lists for pair in pairs])
        batch["list_of_pair"] = torch.tensor([number for number, pairs in enumerate(lists) for _ in pairs])
        return batch


class ListwiseDPOTrainer(DPOTrainer):
    """TRL's `DPOTrainer` with the loss type `listwise`; without it, TRL's and nothing else.

    With it an example is a list: a batch holds as many as have `per_device_train_batch_size` pairs on average, rounded.
    Held-out rows are those that the trainer was made with.

    Raises `ValueError` for `use_weighting` and `ld_alpha` beside it: both are defined for pairs.
    """

    def __init__(self, model: Any, ref_model: Any = None, *, args: DPOConfig, **kwargs: Any) -> None:
        losses = list(args.loss_type)
        if LISTWISE in losses and (args.use_weighting or args.ld_alpha is not None):
            raise ValueError("The listwise loss takes neither use_weighting nor ld_alpha, which are of pairs.")
        super().__init__(model, ref_model, args=args, **kwargs)
        weighted = list(zip(losses, self.loss_weights, strict=True))
        self.listwise_weight = sum(weight for loss, weight in weighted if loss == LISTWISE)
        if self.listwise_weight:
            self.loss_types = [loss for loss, _ in weighted if loss != LISTWISE]
            self.loss_weights = [weight for loss, weight in weighted if loss != LISTWISE]
            self.precompute_ref_logps = True  # from here on TRL finds them in the batch: see compute_loss
            self.data_collator = ListCollator(self.data_collator)
            self._make_lists()

    def _make_lists(self) -> None:
        trained = Lists(self.train_dataset)
        self.train_dataset = trained
        self.args.per_device_train_batch_size = trained.in_a_batch(self.args.per_device_train_batch_size)
        self._train_batch_size = self.args.train_batch_size  # which transformers copies when a trainer is made
        if isinstance(self.eval_dataset, Dataset):
            held_out = Lists(self.eval_dataset)
            self.eval_dataset = held_out
            self.args.per_device_eval_batch_size = held_out.in_a_batch(self.args.per_device_eval_batch_size)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """TRL's losses and metrics, and the listwise loss of the same log-probabilities."""
        if not self.listwise_weight:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)  # type: ignore[no-untyped-call]
        batch = dict(inputs)
        list_of_pair = batch.pop("list_of_pair")
        if "ref_chosen_logps" not in batch:
            reference = self.compute_ref_log_probs(self.ref_model or self.model, batch)  # type: ignore[no-untyped-call]
            batch["ref_chosen_logps"], batch["ref_rejected_logps"] = reference
        policy = Heard(model)
        result = super().compute_loss(policy, batch, return_outputs, num_items_in_batch)  # type: ignore[no-untyped-call]
        loss = self.listwise_weight * first_place_loss(self.beta * _advantages(policy.said, batch), list_of_pair)
        return (result[0] + loss, result[1]) if return_outputs else result + loss


def _advantages(outputs: Any, batch: Mapping[str, Tensor]) -> Tensor:
    """How much more the chosen text of each pair (N) gained on the reference than the rejected one, in nats."""
    width = batch["completion_mask"].shape[1] - 1
    chosen, rejected = outputs.log_probs[:, -width:].sum(1).chunk(2)
    advantages: Tensor = (chosen - batch["ref_chosen_logps"]) - (rejected - batch["ref_rejected_logps"])
    return advantages


class Heard:
    """Calls a model for TRL, and keeps what it said first."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.said: Any = None

    def __call__(self, **inputs: Any) -> Any:
        answer = self.model(**inputs)
        if self.said is None:
            self.said = answer
        return answer
