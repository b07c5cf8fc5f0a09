"""Routes of versions: the alias, lineage, evaluations, trials."""
