"""Tables of prompts and of the studio's settings."""
