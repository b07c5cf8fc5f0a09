"""The curriculum of fragment lengths in the restoring phase.

A model this small that starts on whole sentences does not discover that most of the output is a copy of the input. On
fragments of three or four words it discovers that within a few minutes, and keeps it while the fragments grow.
"""

from dataclasses import dataclass

SHORTEST = 3
WHOLE_SENTENCE = 30
_EASY_LOSS = 1.3
_SMOOTHING = 0.9


@dataclass
class Curriculum:
    """The current fragment length in words, and a running mean of the training loss."""

    length: int = SHORTEST + 1
    running_loss: float = 10.0

    def observe(self, loss: float) -> bool:
        """Update the running mean with a step's loss; if it is low, lengthen by a word and return True."""
        self.running_loss = _SMOOTHING * self.running_loss + (1 - _SMOOTHING) * loss
        if self.running_loss >= _EASY_LOSS or self.finished:
            return False
        self.length += 1
        return True

    @property
    def finished(self) -> bool:
        """Return True once fragments are whole sentences."""
        return self.length >= WHOLE_SENTENCE
