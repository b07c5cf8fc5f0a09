"""What is stored of one person, as a file to take along."""
