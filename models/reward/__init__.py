"""What the clicks say: the features of a rewrite, and the linear reward head that is fitted to judgments."""
