"""Routes of training: runs, settings, previews, curves, comparisons."""
