"""Everything that runs beside the requests: hot swap, queue, webhooks, throttle, trials."""
