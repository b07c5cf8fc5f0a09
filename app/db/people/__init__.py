"""Tables of people, their API tokens, and invitations."""
