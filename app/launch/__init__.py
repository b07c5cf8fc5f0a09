"""What `python -m app.launch.launcher` is made of: checks before the start, programs, and the end of every process."""


class LaunchError(RuntimeError):
    """The product cannot start or go on; its text is one sentence for whoever started it."""
