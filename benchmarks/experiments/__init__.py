"""The experiments behind the default settings."""
