"""What is looked for in texts before they leave: personal details, and the texts that versions are tested on."""
