"""Versions, uploads and other files in an object store: S3, Google Cloud Storage, Azure, or what speaks as they do."""
