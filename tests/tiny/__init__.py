"""Models of a few thousand parameters, made in a moment."""
