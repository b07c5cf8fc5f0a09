"""What can go wrong in training.

    TrainingError
    ├── DatasetError      there is nothing to learn from, or some examples cannot be learned from
    ├── CheckpointError   the parent cannot be loaded, or the output folder cannot be written
    ├── Diverged          the loss stopped being a number
    ├── NotLearning       training ended with the weights it began with
    ├── ParityError       the served form of the model does not compute what the trained form does
    └── Cancelled         somebody asked the run to stop

A wrong setting is a `models.errors.RecipeError`. Each message is one sentence for the person who can act on it.
"""


class TrainingError(Exception):
    """The root of the tree: a training run did not produce a version."""


class DatasetError(TrainingError):
    """The examples are missing, or some cannot be learned from; the message says how many and why."""


class CheckpointError(TrainingError):
    """A checkpoint could not be loaded, or the folder meant for a new one is not free."""


class Diverged(TrainingError):
    """The loss became infinite or not a number."""


class NotLearning(TrainingError):
    """No trained weight differs from the parent's."""


class ParityError(TrainingError):
    """The converted model gives other probabilities than the model it was converted from."""


class Cancelled(TrainingError):
    """The run was asked to stop, and stopped before it wrote anything."""
