"""Experiments and measurements that anyone can run again; one file a claim."""
