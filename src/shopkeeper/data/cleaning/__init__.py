"""What a value, a row and an event must be to be believed. Each check runs as SQL on files and as Python on requests."""
