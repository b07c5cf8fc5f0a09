"""The stage after pretraining, which teaches the base to rephrase; run it as `python -m worker.base.rephrase`."""
