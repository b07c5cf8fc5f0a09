"""Routes of prompts: their queue, and attention checks."""
