"""The checkpoint store: staging, verifying, publishing and listing versions; archives, uploads, run folders."""
