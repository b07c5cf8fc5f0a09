"""glibc settings that keep freed memory between training steps.

The C library returns large blocks to the system at once, and the system zeroes each of their pages when it hands them
out again. A training step frees and allocates the same blocks every time; zeroing them costs up to a fifth of it.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""glibc's numbers of its two limits, from malloc.h."""

LARGEST_FREE = 2**31 - 1
"""Bytes that may stay free; the largest value that mallopt takes."""

LARGEST_KEPT = 2**30
"""Size in bytes up to which blocks are allocated from the kept memory."""

GLIBC_TRIM, GLIBC_MMAP = 2**26, 2**25
"""Values that glibc's own adaptive limits rise to, in bytes."""


@contextmanager
def freed_memory_is_kept() -> Iterator[None]:
    """Keep freed memory within the block and release it afterwards; do nothing where the C library is not glibc."""
    library = ctypes.CDLL(None)
    if not (hasattr(library, "mallopt") and hasattr(library, "malloc_trim")):
        yield
        return
    library.mallopt(MMAP_THRESHOLD, LARGEST_KEPT)
    library.mallopt(TRIM_THRESHOLD, LARGEST_FREE)
    try:
        yield
    finally:
        library.mallopt(MMAP_THRESHOLD, GLIBC_MMAP)
        library.mallopt(TRIM_THRESHOLD, GLIBC_TRIM)
        library.malloc_trim(0)
