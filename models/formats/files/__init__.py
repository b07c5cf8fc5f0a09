"""Files of pairs and JSON: read row by row, with every problem by its line."""
