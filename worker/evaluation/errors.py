"""What can go wrong in evaluation.

    EvaluationError
    ├── ScorerUnavailable   a scorer's package or model is not there, or cannot be used
    ├── TestFileError       a test file cannot be read, or has no row that can be used
    └── NotComparable       two measurements come of different scorers or different texts

Each message is one sentence for the person who can act on it.
"""


class EvaluationError(Exception):
    """The root of the tree: nothing was measured."""


class ScorerUnavailable(EvaluationError):
    """A scorer's package or model is missing or damaged; the message says which and what to install."""


class TestFileError(EvaluationError):
    """A test file cannot be read, or none of its rows can be used."""

    __test__ = False  # pytest takes classes named Test… for tests


class NotComparable(EvaluationError):
    """Two measurements that say nothing about each other."""
