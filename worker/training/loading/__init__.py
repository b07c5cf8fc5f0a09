"""Loading of models with tokenizer, adapters and number formats, and rendering of texts to tokens."""
