"""Teaching a chat model another name."""
