"""Weights of rows on their way into a batch."""

from __future__ import annotations

from typing import Any

import torch

from worker.training.shared.row_weights import WeightCollator, WeightColumnMixin, are_weighted, with_weights


def test_rows_are_weighted_if_any_counts_other_than_one() -> None:
    assert not are_weighted([])
    assert not are_weighted([{"prompt": "a"}, {"prompt": "b", "weight": 1.0}])
    assert are_weighted([{"prompt": "a"}, {"prompt": "b", "weight": 0.5}])


def test_tokenized_rows_get_the_weights_of_those_that_they_were_made_of() -> None:
    made = with_weights([{"ids": [1]}, {"ids": [2]}], [{"weight": 2}, {"prompt": "b"}])
    assert made == [{"ids": [1], "weight": 2.0}, {"ids": [2], "weight": 1.0}]
    assert isinstance(made[0]["weight"], float)


def test_a_batch_has_the_weights_beside_what_the_collator_makes_of_the_rest() -> None:
    seen: list[Any] = []

    def collate(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        seen.extend(rows)
        return {"ids": torch.tensor([row["ids"] for row in rows])}

    batch = WeightCollator(collate)([{"ids": [1], "weight": 0.5}, {"ids": [2]}])
    assert seen == [{"ids": [1]}, {"ids": [2]}]
    assert {name: values.tolist() for name, values in batch.items()} == {"ids": [[1], [2]], "weight": [0.5, 1.0]}


def test_a_trainer_keeps_the_columns_that_it_is_told_to_once_each() -> None:
    class Base:
        def _set_signature_columns_if_needed(self) -> None:
            self._signature_columns = ["prompt", "weight"]

    class Trainer(WeightColumnMixin, Base):
        kept_columns = ("weight", "click")

    trainer = Trainer()
    trainer._set_signature_columns_if_needed()
    assert trainer._signature_columns == ["prompt", "weight", "click"]
    assert WeightColumnMixin.kept_columns == ("weight",)
