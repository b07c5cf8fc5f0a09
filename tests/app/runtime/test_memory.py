from __future__ import annotations

import subprocess
import sys

import pytest

from app.config import PROJECT_ROOT

MEGABYTE = 2**20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only glibc has these limits")

FREE_BETWEEN_WHAT_IS_KEPT = """
import sys
import psutil
from app.runtime import memory

resident = lambda: psutil.Process().memory_info().rss
size, number = map(int, sys.argv[2:])
getattr(memory, sys.argv[1], lambda: None)()
one = b"x" * 2**24
del one
before = resident()
blocks, kept = [], []
for _ in range(number):
    blocks.append(b"x" * size)
    kept.append(b"x" * 20_000)
del blocks
before += sum(map(len, kept))
freed = resident()
memory.return_freed()
print(freed - before, resident() - before)
"""


def left(first: str, size: int, number: int) -> list[int]:
    """Resident bytes of freed blocks, and what is left of them after free memory was returned, in a new process."""
    command = [sys.executable, "-c", FREE_BETWEEN_WHAT_IS_KEPT, first, str(size), str(number)]
    seen = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    return [int(figure) for figure in seen.stdout.split()]


def test_a_large_block_is_returned_as_soon_as_it_is_free() -> None:
    assert left("nothing", 4 * MEGABYTE, 8)[0] > 24 * MEGABYTE, "glibc's own limits have risen with the first block"
    assert left("keep_little", 4 * MEGABYTE, 8)[0] < 4 * MEGABYTE


def test_small_blocks_that_are_free_are_returned_when_asked() -> None:
    freed, returned = left("keep_little", 100_000, 300)
    assert freed > 24 * MEGABYTE
    assert returned < 4 * MEGABYTE
