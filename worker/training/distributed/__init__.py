"""One training in several processes: what they share, and the launcher that starts them."""
