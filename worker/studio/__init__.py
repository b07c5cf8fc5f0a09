"""The worker's side of the studio: its database, queue and store, and the runs that the worker owns."""
