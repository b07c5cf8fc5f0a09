"""What the benchmarks share: rounds in turns, load, studios filled in bulk, baselines."""
