"""The pretraining of the base checkpoint on plain text; run it as `python -m worker.base.pretrain`."""
