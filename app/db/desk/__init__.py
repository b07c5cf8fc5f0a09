"""Tables of the desk: screens, candidates, judgments and the preferences that they yield."""
