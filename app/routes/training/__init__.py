"""Routes of training: runs, what they learn from, settings, previews, curves, comparisons."""
