"""What makes a step of an encoder-decoder cheap, and TRL able to take one."""
