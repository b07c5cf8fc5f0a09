"""The shortlist of tokens that a version with a large vocabulary may write, in the form of CTranslate2's vmap.txt.

Some tokens are always on the list; beside them, every token may be written that differs from one of the source only in
case. `worker/publish/shortlist.py` decides which versions have a list, and makes it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path

SHORTLIST_FILE = "vmap.txt"
_UNLISTABLE = frozenset(" \t\n\r")


def listable(token: str) -> bool:
    """Return whether the file can hold a token."""
    return not _UNLISTABLE.intersection(token)


def write_shortlist(folder: Path, vocabulary: Iterable[str], always: Collection[str]) -> None:
    """Write the file into a serving folder. A line is tokens of the source, a tab, and the tokens that they allow."""
    listed = sorted(filter(listable, vocabulary))
    spelt: dict[str, list[str]] = defaultdict(list)
    for token in listed:
        spelt[token.casefold()].append(token)
    lines = ["\t" + " ".join(token for token in listed if token in always)]
    for forms in spelt.values():
        if missing := [form for form in forms if form not in always]:
            lines += [f"{form}\t{' '.join(missing)}" for form in forms]
    (folder / SHORTLIST_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_shortlist(folder: Path) -> frozenset[str]:
    """Return the tokens that are always on the list of a serving folder; none if it has no list."""
    path = folder / SHORTLIST_FILE
    if not path.is_file():
        return frozenset()
    with path.open(encoding="utf-8", newline="\n") as file:
        return frozenset(file.readline().rstrip("\n").removeprefix("\t").split(" "))


def writable(
    sequences: Iterable[tuple[str, ...]], always: Collection[str], sources: Iterable[Collection[str]]
) -> frozenset[tuple[str, ...]]:
    """Return the sequences of tokens that could be written for some of the sources, with that list.

    CTranslate2 suppresses what is left of a sequence without its unlisted tokens, which may be a common word.
    """
    present = {token.casefold() for source in sources for token in source}
    return frozenset(
        sequence for sequence in sequences if all(token in always or token.casefold() in present for token in sequence)
    )
