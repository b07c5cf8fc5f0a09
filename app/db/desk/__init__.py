"""Tables of the desk: screens, candidates, judgments and preference pairs."""
