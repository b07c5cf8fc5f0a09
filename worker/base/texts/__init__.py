"""The training texts of the base: corpora, a grammar of insults, and pairs made of both."""
