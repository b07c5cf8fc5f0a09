"""Measures what pages cost to open, and how quickly people can work on them."""
