"""Tables of people and invitations."""
