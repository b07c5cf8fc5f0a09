"""The corpora as token ids, cached in the work folder.

A line whose letters and digits equal those of a dev text or of any corpus's held-out line is not trained on.
"""

import hashlib
import json
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.formats.splitting import split_key
from worker.base.build.checkpoint import replace_file
from worker.base.texts.corpus import dev_texts, read_lines, read_paradetox, without_mentions

log = logging.getLogger(__name__)

HELD_OUT_LINES = 150
_HELD_OUT_SHARE = 10  # of a small corpus no more than a tenth is held out
_MANIFEST = "manifest.json"
_LINES_AT_ONCE = 20_000


@dataclass(frozen=True)
class TokenLines:
    """The lines of a corpus as one array of ids (uint16) and the start of each line (one more than lines)."""

    ids: NDArray[np.uint16]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def line(self, place: int) -> list[int]:
        """Return the ids of one line."""
        ids: list[int] = self.ids[self.starts[place] : self.starts[place + 1]].tolist()
        return ids


@dataclass(frozen=True)
class TokenCorpus:
    """One corpus, with its lines for training and for evaluation."""

    name: str
    train: TokenLines
    held_out: TokenLines


def load_corpora(data: Path, work: Path, tokenizer: Tokenizer) -> list[TokenCorpus]:
    """Load the token ids of every corpus of a data folder; tokenize first if the work folder has none.

    Raises ValueError if there is no corpus, or if the work folder was made from other texts.
    """
    paths = sorted((data / "corpus").glob("*.txt.gz"))
    if not paths or not (data / "paradetox.tsv").exists():
        raise ValueError(f"{data} has no corpus/*.txt.gz or no paradetox.tsv.")
    folder = work / "tokens"
    origin = _fingerprint([data / "paradetox.tsv", *paths], tokenizer)
    if not (folder / _MANIFEST).exists():
        _tokenize(data / "paradetox.tsv", paths, folder, tokenizer, origin)
    manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    if manifest["origin"] != origin:
        raise ValueError(f"{work} was begun with other texts or another tokenizer; choose a new work folder.")
    for name, counts in manifest["corpora"].items():
        log.info("%s: %s", name, ", ".join(f"{count} {what}" for what, count in counts.items()))
    log.info("%d lines removed that equal a dev text", sum(c["equal_to_dev"] for c in manifest["corpora"].values()))
    return [_load(folder, name) for name in manifest["corpora"]]


def _fingerprint(paths: Sequence[Path], tokenizer: Tokenizer) -> str:
    digest = hashlib.sha256(tokenizer.to_str().encode())
    for path in paths:
        digest.update(path.name.encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _load(folder: Path, name: str) -> TokenCorpus:
    with np.load(folder / f"{name}.npz") as stored:
        train = TokenLines(stored["ids"], stored["starts"])
        held_out = TokenLines(stored["held_out_ids"], stored["held_out_starts"])
    return TokenCorpus(name, train, held_out)


def _corpus_lines(path: Path) -> list[str]:
    lines = read_lines(path)
    return [text for text in map(without_mentions, lines) if text] if "tweets" in path.name else lines


def held_out_lines(lines: Sequence[str], name: str, dev: set[str]) -> list[str]:
    """Choose the held-out lines of a corpus, the same ones each time; none equals a dev text."""
    drawn = random.Random(name).sample(lines, min(HELD_OUT_LINES, len(lines) // _HELD_OUT_SHARE))
    return [line for line in drawn if split_key(line) not in dev]


def trainable_lines(lines: Sequence[str], dev: set[str], held_out: set[str]) -> tuple[list[str], int, int]:
    """Return the lines that are neither a dev text nor held out, and how many of each were removed.

    `dev` and `held_out` hold texts as `letters` returns them.
    """
    kept: list[str] = []
    equal_to_dev = equal_to_held_out = 0
    for line in lines:
        key = split_key(line)
        if key in dev:
            equal_to_dev += 1
        elif key in held_out:
            equal_to_held_out += 1
        elif key:
            kept.append(line)
    return kept, equal_to_dev, equal_to_held_out


def _tokenize(paradetox: Path, paths: Sequence[Path], folder: Path, tokenizer: Tokenizer, origin: str) -> None:
    """Write the ids of every corpus, and the manifest last, so that an interrupted pass begins again."""
    folder.mkdir(parents=True, exist_ok=True)
    dev = {split_key(text) for text in dev_texts(read_paradetox(paradetox))} - {""}
    names = [path.name.removesuffix(".txt.gz") for path in paths]
    measured = {name: held_out_lines(_corpus_lines(path), name, dev) for name, path in zip(names, paths, strict=True)}
    held_out = {split_key(line) for lines in measured.values() for line in lines} - {""}
    counts = {}
    for name, path in zip(names, paths, strict=True):
        kept, equal_to_dev, equal_to_held_out = trainable_lines(_corpus_lines(path), dev, held_out)
        train, rest = _encode(kept, tokenizer), _encode(measured[name], tokenizer)
        np.savez(
            folder / f"{name}.npz",
            ids=train.ids,
            starts=train.starts,
            held_out_ids=rest.ids,
            held_out_starts=rest.starts,
        )
        counts[name] = {
            "lines": len(train),
            "tokens": len(train.ids),
            "held_out": len(rest),
            "equal_to_dev": equal_to_dev,
            "equal_to_held_out": equal_to_held_out,
        }
        log.info("tokenised %s", name)
    written = folder / "new.json"
    written.write_text(json.dumps({"origin": origin, "corpora": counts}, indent=1), encoding="utf-8")
    replace_file(written, folder / _MANIFEST)


def _encode(lines: Sequence[str], tokenizer: Tokenizer) -> TokenLines:
    """Encode lines without EOS, without those of fewer than two ids, which cannot be masked."""
    parts: list[NDArray[np.uint16]] = []
    for start in range(0, len(lines), _LINES_AT_ONCE):
        encoded = tokenizer.encode_batch_fast(lines[start : start + _LINES_AT_ONCE], add_special_tokens=False)
        parts.extend(np.array(row.ids, dtype=np.uint16) for row in encoded if len(row.ids) > 1)
    starts = np.cumsum([0, *map(len, parts)], dtype=np.int64)
    return TokenLines(np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint16), starts)
