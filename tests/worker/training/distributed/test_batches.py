"""How processes share the rows of a step."""

from __future__ import annotations

from dataclasses import replace

import pytest
from transformers import TrainingArguments

from models.model_errors import RecipeError
from models.settings.command_line import DPOOptions, KTOOptions
from worker.training import processes
from worker.training.distributed.batches import are_shared_equally, joint, part_of, share, weight_of
from worker.training.processes import on_one_gpu


def settings(rows: int, batches: int = 1) -> DPOOptions:
    return DPOOptions(per_device_train_batch_size=rows, gradient_accumulation_steps=batches)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 8])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_parts_of_a_batch_are_the_batch_or_each_is_all_of_it(length: int, count: int) -> None:
    batch = list(range(length))
    parts = [part_of(batch, rank, count) for rank in range(count)]
    if length < count:
        assert parts == [batch] * count
    else:
        assert [row for part in parts for row in part] == batch
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(
    ("rows", "batches", "count", "each", "together"),
    [
        (8, 1, 2, (4, 1), (8, 1)),
        (8, 4, 16, (1, 2), (16, 2)),
        (1, 16, 4, (1, 4), (4, 4)),
        (6, 2, 4, (3, 1), (6, 2)),
    ],
)
def test_a_step_sees_as_many_rows_however_many_processes_share_it(
    monkeypatch: pytest.MonkeyPatch,
    rows: int,
    batches: int,
    count: int,
    each: tuple[int, int],
    together: tuple[int, int],
) -> None:
    monkeypatch.setenv("WORLD_SIZE", str(count))
    assert tuple(share(settings(rows, batches)).values()) == each
    assert each[0] * each[1] * count == rows * batches
    assert tuple(joint(settings(rows, batches)).values()) == together
    assert together[0] * together[1] == rows * batches


def test_rows_that_cannot_be_shared_equally_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(RecipeError, match=r"^3 processes cannot share the rows of a step equally, 8 × 1 of them"):
        share(settings(8))


def test_no_two_batches_of_kto_become_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    two = KTOOptions(per_device_train_batch_size=2, gradient_accumulation_steps=2)
    assert tuple(joint(two).values()) == (2, 2)
    assert tuple(joint(replace(two, loss_type="apo_zero_unpaired")).values()) == (4, 1)
    assert [are_shared_equally(two, count) for count in (1, 2, 4)] == [True, True, False]
    assert are_shared_equally(KTOOptions(per_device_train_batch_size=4), 4), "one row each"


@pytest.mark.parametrize("items", [[3, 1], [5, 5, 2], [0, 4]])
def test_means_of_the_processes_average_to_the_mean_over_all_items(
    monkeypatch: pytest.MonkeyPatch, items: list[int]
) -> None:
    values = [[float(10 * rank + item) for item in range(count)] for rank, count in enumerate(items)]
    monkeypatch.setattr(processes, "count", lambda: len(items))
    monkeypatch.setattr(processes, "sums", lambda _: [float(sum(items))])
    weighed = [weight_of(len(own)) * sum(own) / max(1, len(own)) for own in values]
    assert sum(weighed) / len(items) == pytest.approx(sum(map(sum, values)) / sum(items))


def test_one_process_has_the_batches_as_they_are_named() -> None:
    assert processes.count() == 1
    assert (
        share(settings(8, 2))
        == joint(settings(8, 2))
        == {
            "per_device_train_batch_size": 8,
            "gradient_accumulation_steps": 2,
        }
    )


def test_one_process_trains_on_one_gpu_however_many_it_sees(tmp_path: object) -> None:
    arguments = TrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    arguments._n_gpu = 4
    on_one_gpu(arguments)
    assert (arguments.n_gpu, arguments.train_batch_size) == (1, arguments.per_device_train_batch_size)
