"""Routes of exchange: imports, exports, the search of judgments."""
