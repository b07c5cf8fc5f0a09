"""Training of the judge of rewrites and of the neutrality model."""
