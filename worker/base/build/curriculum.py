"""How long the fragments are that the model learns to restore, and when they grow.

A model this small that starts on whole sentences does not discover that most of the answer is a copy of the
question. On fragments of three or four words it discovers that within a few minutes, and keeps it while the
fragments grow.
"""

from dataclasses import dataclass

SHORTEST = 3
WHOLE_SENTENCE = 30
_EASY_LOSS = 1.3
_SMOOTHING = 0.9


@dataclass
class Curriculum:
    """The present fragment length in words, and a running mean of the training loss."""

    length: int = SHORTEST + 1
    running_loss: float = 10.0

    def observe(self, loss: float) -> bool:
        """Take one step's loss into the running mean; lengthen by a word, and say so, when it is easy."""
        self.running_loss = _SMOOTHING * self.running_loss + (1 - _SMOOTHING) * loss
        if self.running_loss >= _EASY_LOSS or self.finished:
            return False
        self.length += 1
        return True

    @property
    def finished(self) -> bool:
        """Whether fragments have become whole sentences."""
        return self.length >= WHOLE_SENTENCE
