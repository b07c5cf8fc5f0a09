"""Files as other tools and people write them, brought into the studio."""
