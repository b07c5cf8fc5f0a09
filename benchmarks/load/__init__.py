"""What many people, and many slow connections, do to each other."""
