"""What belongs to a file that comes in, besides its rows: how it is stored, its metadata, the record of its import."""
