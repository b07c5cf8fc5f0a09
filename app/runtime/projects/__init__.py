"""The projects that a web process holds."""
