"""Files as they lie there: what they are packed in, and how far they are unpacked."""
