"""Learn from clicks at once: judgments as a head reads them, the heads that choose, and a head in words."""
