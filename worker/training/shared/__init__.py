"""What every recipe uses: checkpoints, errors, LoRA, progress, rendering."""
