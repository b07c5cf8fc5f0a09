"""Routes of people: accounts, invitations, statistics, agreement, reliability."""
