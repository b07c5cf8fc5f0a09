"""Tables of audit events, webhooks and their deliveries."""
