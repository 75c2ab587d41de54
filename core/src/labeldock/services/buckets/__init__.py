"""What lies in a connected bucket, folder by folder, and what became of it here."""
