"""Parts of the running product are killed at random moments, and nothing that was acknowledged may be lost by it."""
