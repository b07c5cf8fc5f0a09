"""Learning from each click: judgments as the reward head reads them, the stored heads, and a head in words."""
