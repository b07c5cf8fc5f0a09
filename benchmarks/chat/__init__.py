"""What answers of a chat model take."""
