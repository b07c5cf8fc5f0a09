"""Rules of the desk: screens, gestures, judgments, own judgments, personal settings, guidelines, pace."""
