"""The description of the API, and what every API route reads and writes JSON with."""
