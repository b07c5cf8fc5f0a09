"""Routes of the review of what people disagreed on."""
