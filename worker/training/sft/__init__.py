"""Supervised fine-tuning of an encoder-decoder on pairs."""
