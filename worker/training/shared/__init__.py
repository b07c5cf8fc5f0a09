"""Code that every recipe uses: checkpoints, run folders, pairs, errors, LoRA, progress."""
