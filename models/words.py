"""Marks sentences that pages show, so that they are translated there (docs/translating.md)."""

from __future__ import annotations


def N_(sentence: str) -> str:  # the name that gettext's tools look for
    """Mark a sentence for the catalogue that is translated where it is used: `gettext(sentence)`."""
    return sentence
