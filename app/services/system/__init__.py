"""Rules of operation: audit, webhooks, backups, counts, health."""
