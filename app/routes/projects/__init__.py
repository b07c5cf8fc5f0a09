"""Routes of projects: all of them for admins of the studio, one with its members for its own admins."""
