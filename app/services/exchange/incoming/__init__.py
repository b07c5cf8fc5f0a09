"""Parts of an import besides the rows of its file: how it is stored, its metadata, the record of its import."""
