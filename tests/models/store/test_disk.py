"""What says that a disk is full, and how much room there is."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from models.store.disk import has_room, is_full


def test_the_system_says_that_the_disk_is_full() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError, match="No space left") as caught:
        full.write(b"x")
    assert is_full(caught.value)


@pytest.mark.parametrize(
    ("error", "says_so"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (OSError(errno.EACCES, "Permission denied"), False),
        (RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"), True),
        (RuntimeError("basic_ios::clear: iostream error"), True),
        (ValueError("something else"), False),
    ],
)
def test_libraries_say_it_by_number_or_in_words(error: Exception, says_so: bool) -> None:
    assert is_full(error) is says_so


def test_an_error_that_came_of_another_says_what_the_other_said() -> None:
    def fail() -> None:
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            raise ValueError("The version could not be staged.") from None

    with pytest.raises(ValueError, match="could not be staged") as caught:
        fail()
    assert is_full(caught.value)


def test_errors_that_came_of_each_other_end(tmp_path: Path) -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert not is_full(first)


def test_room_is_that_of_the_disk_on_which_a_folder_will_be(tmp_path: Path) -> None:
    assert has_room(tmp_path / "not" / "there" / "yet", 1)
    assert not has_room(tmp_path, 10**18)
