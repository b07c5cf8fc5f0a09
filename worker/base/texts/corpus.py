"""The corpora of the base checkpoint, and the split that keeps dev texts out of all of them.

A ParaDetox row is dev if the SHA-1 of its toxic sentence is divisible by twenty, so that the split needs no list and is
the same on every machine. Dev sentences are also removed from every other corpus: ParaDetox was drawn from the same
comments as some of them.
"""

import csv
import gzip
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from models.formats.splitting import held_out_keys, split_key
from worker.base.texts.held_out import held_out_wordings

# A word, a disguised word (f*ck, @ss, sh1t) or one punctuation mark.
_TOKEN = re.compile(r"[\w@$#*][\w'@$#*-]*|[^\w\s]")
_MENTION = re.compile(r"@\w+:?")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Row:
    """One ParaDetox source with people's rewrites."""

    toxic: str
    rewrites: tuple[str, ...]


@dataclass(frozen=True)
class Corpus:
    """The corpora of the data folder, split and cleaned."""

    train: list[Row]
    dev: list[Row]
    dialogue: list[str]
    comments: list[str]
    unrewritable: list[str]
    tweets: list[str]

    @property
    def neutral(self) -> list[str]:
        """Return lines that are mostly polite."""
        return list(dict.fromkeys([*self.dialogue, *self.comments]))

    @property
    def hostile(self) -> list[str]:
        """Return lines that are mostly rude and have no rewrite."""
        return list(dict.fromkeys([*self.unrewritable, *self.tweets]))


def is_dev(toxic: str) -> bool:
    """Return True if a ParaDetox row with this source belongs to the dev split."""
    return bool(held_out_keys([toxic]))


def tokens(text: str) -> list[str]:
    """Return the words and punctuation marks of a text, in order."""
    return _TOKEN.findall(text)


def one_line(text: str) -> str:
    """Replace every run of white space by one space."""
    return _SPACE.sub(" ", text).strip()


def without_mentions(text: str) -> str:
    """Return a text without the names it mentions, such as "@someone:"."""
    return one_line(_MENTION.sub("", text))


def read_paradetox(path: Path) -> list[Row]:
    """Read all rows of the ParaDetox table that have at least one rewrite."""
    rows = []
    with path.open(encoding="utf-8", newline="") as handle:
        for record in csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE):
            rewrites = [one_line(record[name] or "") for name in ("neutral1", "neutral2", "neutral3")]
            kept = tuple(dict.fromkeys(text for text in rewrites if text))
            if kept:
                rows.append(Row(record["toxic"].strip(), kept))
    return rows


def read_lines(path: Path) -> list[str]:
    """Read the non-empty lines of a gzipped text file."""
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        return [text for text in (one_line(line) for line in handle) if text]


def dev_texts(rows: Iterable[Row]) -> set[str]:
    """Return every source and rewrite of the dev rows among these."""
    return {text for row in rows if is_dev(row.toxic) for text in (row.toxic, *row.rewrites)}


def read_corpus(data: Path) -> Corpus:
    """Read the corpora of a data folder, and drop the dev sentences from all but the dev rows.

    Sentences of the same wording are dropped, too, and so are those that every version is tested on or looked at with.
    """
    rows = read_paradetox(data / "paradetox.tsv")
    dev = [row for row in rows if is_dev(row.toxic)]
    held_out = held_out_wordings() | {split_key(text) for text in dev_texts(rows)}

    def allowed(lines: Iterable[str]) -> list[str]:
        return [line for line in lines if split_key(line) not in held_out]

    train = []
    for row in rows:
        rewrites = tuple(allowed(row.rewrites))
        if not is_dev(row.toxic) and split_key(row.toxic) not in held_out and rewrites:
            train.append(Row(one_line(row.toxic), rewrites))
    folder = data / "corpus"
    dialogue = read_lines(folder / "topical_chat.txt.gz") + read_lines(folder / "taskmaster.txt.gz")
    comments = read_lines(folder / "jigsaw_comments.txt.gz")
    hostile = read_lines(folder / "paradetox_cannot_rewrite.txt.gz")
    tweets = [without_mentions(line) for line in read_lines(folder / "davidson_tweets.txt.gz")]
    return Corpus(
        train=train,
        dev=dev,
        dialogue=list(dict.fromkeys(allowed(dialogue))),
        comments=list(dict.fromkeys(allowed(comments))),
        unrewritable=list(dict.fromkeys(allowed(hostile))),
        tweets=list(dict.fromkeys(allowed(tweets))),
    )
