"""Routes of operation: system, audit log, webhooks, backups, health."""
