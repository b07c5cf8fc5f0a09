"""The commands of `python -m worker`: all of them are in table.py, with the function that carries each out."""
