"""How far a run has come: its phases, and the time that is left."""
