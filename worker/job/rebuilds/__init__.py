"""What a version of clicks was made of, and making it again."""
