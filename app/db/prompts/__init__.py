"""Tables of what is asked: prompts and the settings of the studio."""
