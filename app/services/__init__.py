"""Business rules. Each function takes a session and knows no request and no template."""
