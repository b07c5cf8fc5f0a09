"""Errors of checkpoints, data files and generation.

ModelError
├── StoreError            the checkpoint store cannot do what was asked
│   ├── VersionMissing    no version of that number
│   ├── VersionExists     that number is published already; versions never change
│   ├── VersionDamaged    files are missing or differ from the manifest's hashes
│   └── StoreAway         an object store does not answer for now, or refuses
├── LoadError             a version cannot be loaded for serving
├── InputTooLong          the text has more tokens than the model is given
├── NoLongerWanted        nobody waits for the rewrites any more
├── AnswersRefused        a chat model cannot be asked for these answers
│   └── ConversationRefused  the conversation itself is why: it is too long, or has another order of turns
├── WriterBusy            a writer of answers has too much to do, and says when to ask again
├── WriterAway            a writer of answers does not answer, or broke off
├── RecipeError           a setting of a recipe cannot be used
├── DataFileError         a file of training data cannot be read or written
│   └── PairFileError     a file of sentence pairs cannot be read
└── UploadMissing         uploaded training data is not there (any more), or damaged
"""

from __future__ import annotations


class ModelError(Exception):
    """Base of all errors of this package; the text is one sentence for whoever can act on it."""


class StoreError(ModelError):
    """The checkpoint store cannot do what was asked."""


class VersionMissing(StoreError):
    """No version of that number is in the store."""


class VersionExists(StoreError):
    """A version of that number is published already."""


class VersionDamaged(StoreError):
    """A version's files are missing or differ from its manifest."""


class StoreAway(StoreError):
    """An object store does not answer or refuses; what was asked of it may work later."""


class LoadError(ModelError):
    """A version cannot be loaded for serving."""


class InputTooLong(ModelError):
    """A text has more tokens than the model is given at once."""


class NoLongerWanted(ModelError):
    """Whoever asked for rewrites has gone, or has said that they are not wanted."""


class AnswersRefused(ModelError):
    """A chat model cannot be asked for these answers: its conversation or one of its numbers does not fit."""


class ConversationRefused(AnswersRefused):
    """A chat model cannot answer this conversation, whatever else is set."""


class WriterBusy(ModelError):
    """A writer of answers has too much to do; `retry_after` is the seconds after which to ask again."""

    def __init__(self, sentence: str, retry_after: float) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class WriterAway(ModelError):
    """A writer of answers does not answer, or broke off in the middle; it may work later."""


class RecipeError(ModelError):
    """A setting of a recipe is unknown, of the wrong type or out of bounds; the message names it."""


class DataFileError(ModelError):
    """A file of training data cannot be read or written, or too much of it is bad; the message says why and where."""


class PairFileError(DataFileError):
    """A file of sentence pairs cannot be read, or too much of it is bad; the message names the line if there is one."""


class UploadMissing(ModelError):
    """Uploaded training data of that hash is not in the store, or is not what the hash says."""
