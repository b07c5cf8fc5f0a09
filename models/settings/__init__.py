"""The numbers of every way to train: names, bounds, defaults."""
