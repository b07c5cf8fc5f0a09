"""The version that serves: text in, candidates out, and how it changes places with another."""
