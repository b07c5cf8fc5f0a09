"""One command for each method of preference training."""
