"""Rules of versions: the alias, lineage, evaluations, word differences."""
