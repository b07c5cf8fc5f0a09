"""An object store for tests: a server on this machine, and a proxy before it that has trouble."""
