"""Ctrl-C, in whatever it arrives. Nothing is imported here: it is needed while all else still is."""


def is_interruption(error: BaseException) -> bool:
    """Return whether an error comes of Ctrl-C, which a library that is being imported may turn into another error."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, KeyboardInterrupt):
        found = found.__cause__ or found.__context__
    return found is not None
