"""The fixture that writes a file to import."""

from tests.app.services.exchange.conftest import write

__all__ = ["write"]
