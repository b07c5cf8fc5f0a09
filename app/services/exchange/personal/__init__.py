"""A file with all that is stored of one person."""
