"""The programs that build the embedded checkpoint under models/base."""
