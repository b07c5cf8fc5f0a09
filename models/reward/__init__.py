"""The reward model: features of a rewrite, and the linear reward head that is fitted to judgments."""
