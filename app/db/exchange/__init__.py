"""Tables of files that were brought in."""
