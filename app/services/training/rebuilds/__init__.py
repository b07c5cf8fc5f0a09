"""Making versions again: exactly as they were, or without what is to be forgotten."""
