"""Tables of training runs and their metrics."""
