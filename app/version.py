"""Version number of Mellow, in this one place."""

from __future__ import annotations

VERSION = "1.0.0-dev"
"""Semantic Versioning 2.0; ends in -dev while the changelog has an Unreleased part."""
