"""The schemas of training data that other tools write, one a file."""
