"""Rewrites by the base itself and by larger models, chosen to be learned from."""
