"""Routes of operation: audit, webhooks, backups, counts, health."""
