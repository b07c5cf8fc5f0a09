"""What belongs to a file that comes in, besides its rows: its metadata, and the record of its import."""
