"""Routes of files in and out: imports, exports, judgments found, formats of other tools."""
