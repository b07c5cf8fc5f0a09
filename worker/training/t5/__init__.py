"""TRL's trainers for encoder-decoders, and fast training steps for T5."""
