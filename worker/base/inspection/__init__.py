"""Looking at a checkpoint's rewrites by eye; run it as `python -m worker.base.inspection`."""
