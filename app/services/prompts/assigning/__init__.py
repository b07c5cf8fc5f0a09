"""Prompts that are assigned to people: groups, assignments, and what the queue serves of them."""
