"""Exceptions of the evaluation.

    EvaluationError
    ├── ScorerUnavailable   a scorer's package or model is missing or unusable
    ├── TestFileError       a test file cannot be read, or has no usable row
    └── NotComparable       two measurements were made with different scorers or texts

Each message is one sentence for the person who can act on it.
"""


class EvaluationError(Exception):
    """Base class of all evaluation errors: nothing was measured."""


class ScorerUnavailable(EvaluationError):
    """A scorer's package or model is missing or damaged; the message names it and says what to install."""


class TestFileError(EvaluationError):
    """A test file cannot be read, or none of its rows is usable."""

    __test__ = False  # pytest takes classes named Test… for tests


class NotComparable(EvaluationError):
    """Two measurements that cannot be compared."""
