"""Lets a request in: the project that its address names, and the lists of who may call what."""
