"""What stands in the database, read and written by named statements."""
