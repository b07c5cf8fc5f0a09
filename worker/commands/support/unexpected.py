"""An error that nobody expected: one sentence at the terminal, and everything about it in a file.

Only the standard library is imported: the error may come of a library that cannot be.
"""

import os
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

_SHOWN = 300


def report(error: BaseException) -> str:
    """Write the traceback to a log file and return a sentence with the error's own first line and the file's path."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    reason = f"{type(error).__name__}: {first[:_SHOWN].rstrip('.')}" if first else type(error).__name__
    try:
        place = f"The details are in {_write(error)}"
    except OSError as problem:
        place = f"The details could not be written ({problem.strerror})"
    return f"This failed unexpectedly ({reason}). {place}."


def _write(error: BaseException) -> Path:
    """Write the traceback to a new file below MELLOW_HOME, or in a temporary folder where that does not exist."""
    home = Path(os.environ.get("MELLOW_HOME") or "instance").expanduser().resolve()
    folder = home / "logs" if home.is_dir() else Path(tempfile.gettempdir())
    folder.mkdir(exist_ok=True)
    name = f"worker-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}-"
    descriptor, path = tempfile.mkstemp(prefix=name, suffix=".log", dir=folder)
    with open(descriptor, "w", encoding="utf-8") as file:
        traceback.print_exception(error, file=file)
    return Path(path)
