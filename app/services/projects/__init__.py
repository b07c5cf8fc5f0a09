"""Projects: each has a task, people, prompts, versions and clicks of its own."""
