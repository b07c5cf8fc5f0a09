"""Routes of the desk: screens, judgments, one's own judgments, personal settings, guidelines."""
