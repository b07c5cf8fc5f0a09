"""The base checkpoint: a small T5 that rewrites toxic English politely, and the script that builds it."""
