"""Training of a chat model to another name."""
