"""Routes of people: accounts, sign-in, invitations, statistics, agreement."""
