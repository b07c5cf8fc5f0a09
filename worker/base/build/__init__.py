"""The build of the base checkpoint; run it as `python -m worker.base.build`."""
