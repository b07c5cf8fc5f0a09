"""Changing or leaving out parts of an export on request, saying so beside it, and looking before."""
