"""Parts of `python -m app.launch.launcher`: checks before the start, programs, and ending every process."""


class LaunchError(RuntimeError):
    """Mellow cannot start or continue; the text is one sentence for the person who started it."""
