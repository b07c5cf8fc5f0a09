"""What is exported for Label Studio and Argilla, read by their own libraries (requirements-label-tools.txt)."""
