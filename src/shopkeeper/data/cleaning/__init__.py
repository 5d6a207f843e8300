"""What a value, a row and an event must be to be believed. A check runs as SQL on files and Python on requests."""
