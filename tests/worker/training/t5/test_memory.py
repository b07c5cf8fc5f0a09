"""Freed memory is kept while it should be, and handed back after."""

import platform
import resource

import psutil
import pytest
import torch

from worker.training.t5.memory import freed_memory_is_kept

PAGES = 20_000
"""Pages of 4 KiB, about 80 MB: more than glibc keeps by itself."""

SIZE = PAGES * 4096

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these limits")


def pages_given_out(times: int) -> int:
    """How many pages the system hands out while as much memory is taken, filled and freed `times` times."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        torch.ones(SIZE, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def held() -> int:
    """Bytes that the process holds."""
    return int(psutil.Process().memory_info().rss)


def test_memory_freed_in_one_step_serves_the_next_without_the_system() -> None:
    with freed_memory_is_kept():
        pages_given_out(10)  # until the heap has room for it
        assert pages_given_out(10) < 3 * PAGES


def test_it_is_handed_back_after_the_block() -> None:
    with freed_memory_is_kept():
        pages_given_out(1)
        kept = held()
    assert held() < kept - SIZE // 2


def test_it_is_handed_back_after_an_error_too() -> None:
    kept = []

    def fail() -> None:
        with freed_memory_is_kept():
            pages_given_out(1)
            kept.append(held())
            raise ValueError("in the block")

    with pytest.raises(ValueError, match="in the block"):
        fail()
    assert held() < kept[0] - SIZE // 2
