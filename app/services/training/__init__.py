"""Rules of training: runs, the judgments they learn from, settings, previews, curves, comparisons."""
