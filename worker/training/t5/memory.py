"""Memory that is freed in one step is kept for the next.

The C library hands large blocks back to the system at once, and the system zeroes each of their pages when it gives
them out again. A training step frees and takes the same blocks every time; zeroing them costs up to a fifth of it.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""glibc's names of its two limits, from malloc.h."""

KEEP = 2**31 - 1
"""Bytes that may lie free; the greatest number that the call takes."""

LARGEST_KEPT = 2**30
"""Bytes of the largest block that is taken from what is kept."""

USUAL_TRIM, USUAL_MMAP = 2**26, 2**25
"""Bytes that glibc's own limits rise to by themselves."""


@contextmanager
def freed_memory_is_kept() -> Iterator[None]:
    """Keep freed memory for the length of the block, then hand it back; nothing happens where this is not glibc."""
    library = ctypes.CDLL(None)
    if not (hasattr(library, "mallopt") and hasattr(library, "malloc_trim")):
        yield
        return
    library.mallopt(MMAP_THRESHOLD, LARGEST_KEPT)
    library.mallopt(TRIM_THRESHOLD, KEEP)
    try:
        yield
    finally:
        library.mallopt(MMAP_THRESHOLD, USUAL_MMAP)
        library.mallopt(TRIM_THRESHOLD, USUAL_TRIM)
        library.malloc_trim(0)
