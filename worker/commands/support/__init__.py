"""Parts that the commands share: flags, console, data files, terminal training."""
