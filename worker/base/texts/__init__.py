"""What the base learns from: corpora, the grammar of rudeness, and training pairs made of both."""
