"""The common parts of every training method: data, the runner, checks, held-out metrics and saving."""
