"""From a trained model to a version: convert, check, gate, seal, release."""
