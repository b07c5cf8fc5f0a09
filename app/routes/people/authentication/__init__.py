"""Steps of signing in besides a password: the second factor, and an account of one's organisation."""
