"""Builds the base checkpoint; run it as `python -m models.base.build`."""
