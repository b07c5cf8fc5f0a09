"""Routes of what is asked: prompts, their queue, attention checks."""
