"""What stands on each page of docs/reference, made from the program."""
