"""The `.env` file: lines of NAME=value that add to the process environment and never override it."""

from __future__ import annotations

import re
from pathlib import Path

from app.config import ConfigError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_dotenv(path: Path) -> dict[str, str]:
    """Read the variables in `path`; none if there is no such file.

    A value may be quoted with ' or ", which keeps spaces and `#`; unquoted, ` #` begins a comment. Nothing is expanded
    or escaped, so that a password is taken literally. Raises ConfigError about the first line that cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from None
    variables: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip().removeprefix("export ").lstrip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not _NAME.fullmatch(name):
            raise ConfigError(f"{path} line {number} is not of the form NAME=value.")
        variables[name] = _unquoted(value, f"{path} line {number}")
    return variables


def _unquoted(value: str, where: str) -> str:
    if value[:1] not in ("'", '"'):
        return re.split(r"(?:^|\s)#", value, maxsplit=1)[0].rstrip()
    content, closing, rest = value[1:].partition(value[0])
    if not closing or (rest.strip() and not rest.strip().startswith("#")):
        raise ConfigError(f"{where} has a quote that does not close at the end of the value.")
    return content
