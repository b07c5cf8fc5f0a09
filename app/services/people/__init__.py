"""Rules of people: accounts, invitations, statistics, agreement."""
