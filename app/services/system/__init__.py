"""Rules of operation: audit log, webhooks, backups, counts, disk space."""
