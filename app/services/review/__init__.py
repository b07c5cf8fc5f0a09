"""Review: what people disagreed on or flagged, and what a reviewer decides of it."""
