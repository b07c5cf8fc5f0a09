"""The documents that ship with Mellow, served as its help."""
