"""Write what other programs read."""

from __future__ import annotations

import sys
from collections.abc import Iterable


def write(pieces: Iterable[bytes]) -> None:
    """Write the pieces to standard output as they come; raises OSError if there is no room for them."""
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.flush()  # so that a full disk is reported as an error of this command
