"""Limits what the C library of a web process keeps of freed memory: glibc's defaults suit few threads that need little.

By default each thread that allocates gets memory of its own, and what a screen or the loading of a version needed for a
moment stays with the process in as many places: 25 to 100 MB.
"""

from __future__ import annotations

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8
"""glibc's numbers of its limits, from malloc.h."""

ARENAS = 1
KEPT_BYTES = 2**22
"""Size of free memory, and of single blocks, from which on it is returned to the system at once.

What a step of drawing needs is smaller and is used again; with a quarter of this a screen takes two milliseconds more.
"""

_library = ctypes.CDLL(None)


def keep_little() -> None:
    """Set the limits of this process and of those forked from it; nothing happens where the C library is not glibc."""
    if hasattr(_library, "mallopt"):
        _library.mallopt(ARENA_MAX, ARENAS)
        _library.mallopt(MMAP_THRESHOLD, KEPT_BYTES)
        _library.mallopt(TRIM_THRESHOLD, KEPT_BYTES)


def return_freed() -> None:
    """Return all free memory to the system, in milliseconds; nothing happens where the C library is not glibc."""
    if hasattr(_library, "malloc_trim"):
        _library.malloc_trim(0)
