"""Parts of a set-up of several machines are killed while a run trains: it publishes once, with the same weights."""
