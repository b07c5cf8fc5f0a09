"""Rules of prompts: their queue, search, attention checks, and the settings of the studio."""
