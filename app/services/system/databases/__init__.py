"""The whole database as a thing of its own: holding it still, what its tables hold, and copying all of it."""
