"""The (source, rewrite) pairs that come with Mellow."""

from pathlib import Path

from models.formats.files.pair_files import read_pair_file

HELDOUT_FILE = Path(__file__).with_name("heldout.tsv")


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Read the pairs of a file that comes with Mellow and must have no bad row; raises `PairFileError`."""
    file = read_pair_file(path)
    file.check_usable()
    return file.pairs


def heldout_pairs() -> list[tuple[str, str]]:
    """Return the (source, rewrite) pairs of heldout.tsv, written for evaluation and never trained on."""
    return read_pairs(HELDOUT_FILE)
