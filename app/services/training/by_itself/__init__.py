"""Retraining by itself: the rule that admins may switch on, and the run that it requests."""
