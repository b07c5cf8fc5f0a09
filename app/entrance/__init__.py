"""What every request passes before its view: the project that its address names, and the lists of who may call what."""
