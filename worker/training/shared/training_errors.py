"""Exceptions of training.

    TrainingError
    ├── DatasetError      there is nothing to train on, or some rows cannot be used
    │   └── ConversationRefused   the model's chat template does not take a conversation
    ├── CheckpointError   the parent cannot be loaded, or the output folder cannot be written
    ├── Diverged          the loss is no longer a finite number
    ├── NotLearning       training ended with the weights it began with
    ├── ParityError       the saved or served form of the model computes something else than the trained form
    ├── ProcessesLost     processes that trained together were killed; the run goes on from its last checkpoint
    └── Cancelled         a person cancelled the run

An invalid setting is a `models.model_errors.RecipeError`. Each message is one sentence for the person who can act on
it.
"""


class TrainingError(Exception):
    """Base class of all training errors: the run produced no version."""


class DatasetError(TrainingError):
    """Rows are missing, or some cannot be used; the message says how many and why."""


class ConversationRefused(DatasetError):
    """The model's chat template does not take a conversation, such as one with a system message."""


class CheckpointError(TrainingError):
    """A checkpoint cannot be loaded, or the folder for a new one is not free."""


class Diverged(TrainingError):
    """The loss or a weight became infinite or NaN."""


class NotLearning(TrainingError):
    """Trained weights do not differ from the parent's."""


class ParityError(TrainingError):
    """The saved or the converted model gives other probabilities than its original."""


class ProcessesLost(TrainingError, ChildProcessError):
    """Processes that a launcher started were ended from outside: the run has not ended, and can go on."""


class Cancelled(TrainingError):
    """The run was cancelled, and stopped before it wrote a result."""
