"""Serving a version: from a text to candidates, and replacing the version in memory by another."""
