"""What every method of training shares: loading a model, running a trainer, checking and saving what comes out."""
