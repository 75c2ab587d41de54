"""What Label Studio's API promises, line by line, and what shows each line here."""
