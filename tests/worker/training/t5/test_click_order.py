"""The pairs of a click stay together, and every pair has its turn."""

from collections.abc import Iterator, Sequence

from worker.training.t5.click_order import ClickSampler, adjacent_groups


def batched(rows: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for first in range(0, len(rows), size):
        yield rows[first : first + size]


def order(sampler: ClickSampler, epoch: int = 0) -> list[int]:
    sampler.set_epoch(epoch)
    return list(sampler)


def test_rows_that_follow_each_other_and_share_their_prompt_are_one_group() -> None:
    prompts = [[5], [5], [6], [5], [7], [7], [7]]

    assert adjacent_groups(prompts, 8) == [range(2), range(2, 3), range(3, 4), range(4, 7)]
    assert adjacent_groups(prompts, 2) == [range(2), range(2, 3), range(3, 4), range(4, 6), range(6, 7)]


def test_each_row_comes_once_and_groups_are_whole() -> None:
    groups = [range(first, first + 2) for first in range(0, 40, 2)]

    batches = [set(batch) for batch in batched(order(ClickSampler(groups, 8, seed=0)), 8)]

    assert sorted(row for batch in batches for row in batch) == list(range(40))
    assert all(any(set(group) <= batch for batch in batches) for group in groups)


def test_groups_of_other_sizes_fill_the_rest_of_a_batch() -> None:
    groups = adjacent_groups([[click] for click in range(30) for _ in range(1 + click % 3)], 8)

    batches = [set(batch) for batch in batched(order(ClickSampler(groups, 8, seed=3)), 8)]

    torn = [group for group in groups if not any(set(group) <= batch for batch in batches)]
    assert sorted(row for batch in batches for row in batch) == list(range(60))
    assert len(torn) <= 2  # near the end there may be nothing left that fits


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    groups = [range(first, first + 2) for first in range(0, 40, 2)]
    first = order(ClickSampler(groups, 8, seed=0), epoch=1)

    assert order(ClickSampler(groups, 8, seed=0), epoch=1) == first
    assert order(ClickSampler(groups, 8, seed=0), epoch=2) != first
    assert order(ClickSampler(groups, 8, seed=1), epoch=1) != first
    assert len(ClickSampler(groups, 8, seed=0)) == 40
