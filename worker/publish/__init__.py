"""From a trained model to a published version: convert, check, gate, seal, release."""
