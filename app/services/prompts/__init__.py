"""Rules of what is asked: prompts, their queue, search, attention checks, the policy of the studio."""
