"""Types of the API of prompts, and of whom they are assigned to."""
