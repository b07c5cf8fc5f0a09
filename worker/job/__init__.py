"""The RQ jobs: from a run id to a published version."""
