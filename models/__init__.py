"""The embedded checkpoints: what trains them and what they are."""
