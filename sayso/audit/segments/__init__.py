"""Parts of a log that are sealed in files, and may then leave the database."""
