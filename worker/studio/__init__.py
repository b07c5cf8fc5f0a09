"""What the worker shares with the web side: database, queue and store, and the runs that it owns."""
