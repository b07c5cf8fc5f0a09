"""A model with its tokenizer, adapters and number formats, and texts as its tokens."""
